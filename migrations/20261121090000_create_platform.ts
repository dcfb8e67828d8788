import type { Knex } from 'knex';

/** Machinery that every domain leans on: outbox, idempotency, limits, secrets, mails, audit. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    create extension if not exists citext;

    -- Wake-ups of workflows. An aggregate's rows are delivered in the order of n, which is taken from its
    -- outbox_aggregates row: the row lock there is what keeps numbers free of gaps and races.
    create table outbox_aggregates (
      aggregate text primary key,
      last_n bigint not null
    );
    create table outbox (
      id uuid primary key,
      aggregate text not null,
      n bigint not null,
      workflow_type text not null,
      workflow_id text not null,
      input jsonb not null,
      request_id text,
      created_at timestamptz not null default now(),
      available_at timestamptz not null default now(),
      attempts int not null default 0,
      claimed_by text,
      claimed_until timestamptz,
      delivered_at timestamptz,
      dead_at timestamptz,
      last_error text,
      unique (aggregate, n)
    );
    create index outbox_due on outbox (available_at) where delivered_at is null and dead_at is null;
    create index outbox_open on outbox (aggregate, n) where delivered_at is null and dead_at is null;
    create index outbox_delivered on outbox (delivered_at) where delivered_at is not null;

    -- A function, because each of its statements sees what was committed while the first one waited for the lock:
    -- only the lowest open row of an aggregate may be claimed, here by the process that writes it.
    create function enqueue_wake(row_id uuid, of_type text, of_workflow text, with_input jsonb, for_request text,
      by_claimant text)
      returns boolean language plpgsql set search_path = pg_catalog, public as $fn$
    declare
      number bigint;
      free boolean;
    begin
      insert into outbox_aggregates as a (aggregate, last_n) values (of_workflow, 1)
      on conflict (aggregate) do update set last_n = a.last_n + 1
      returning last_n into number;
      select by_claimant is not null and not exists (
        select 1 from outbox where aggregate = of_workflow and delivered_at is null and dead_at is null
      ) into free;
      insert into outbox
        (id, aggregate, n, workflow_type, workflow_id, input, request_id, claimed_by, claimed_until)
      values (row_id, of_workflow, number, of_type, of_workflow, with_input, for_request,
        case when free then by_claimant end, case when free then now() + interval '3 seconds' end);
      return free;
    end $fn$;

    -- Domain events for polling readers; (xid, seq) is an order in which no committed row is ever skipped.
    create table events (
      seq bigint generated always as identity primary key,
      xid xid8 not null default pg_current_xact_id(),
      id uuid not null unique,
      type text not null,
      tenant_id uuid,
      data jsonb not null,
      request_id text,
      at timestamptz not null default now()
    );
    create index events_order on events (xid, seq);

    create table idempotency_keys (
      key_hash bytea primary key,
      body_hmac bytea not null,
      status int,
      response jsonb,
      wait_for jsonb,
      once_sealed bytea,
      once_expires_at timestamptz,
      created_at timestamptz not null default now(),
      expires_at timestamptz not null
    );
    create index idempotency_keys_expiry on idempotency_keys (expires_at);

    -- The table of rate-limiter-flexible.
    create table rate_limits (
      key varchar(255) primary key,
      points integer not null default 0,
      expire bigint
    );
    create index rate_limits_expire on rate_limits (expire);

    create table system_state (
      key text primary key,
      value jsonb not null,
      updated_at timestamptz not null default now()
    );

    -- Sealed values of all tables: a DEK per record, wrapped by the KEK named kid. Erasing a secret deletes its row.
    create table secrets (
      id uuid primary key,
      tenant_id uuid,
      owner_table text not null,
      owner_id uuid not null,
      field text not null,
      version int not null,
      kid text not null,
      wrapped_dek bytea not null,
      iv bytea not null,
      ciphertext bytea not null,
      tag bytea not null,
      fingerprint bytea not null,
      created_at timestamptz not null default now(),
      rewrapped_at timestamptz
    );
    create index secrets_owner on secrets (owner_table, owner_id);
    create index secrets_kid on secrets (kid);

    create table secret_accesses (
      id uuid primary key,
      secret_id uuid not null,
      tenant_id uuid,
      owner_table text not null,
      owner_id uuid not null,
      field text not null,
      who text not null,
      why text not null,
      request_id text,
      at timestamptz not null default now()
    );
    create index secret_accesses_secret on secret_accesses (secret_id, at);

    -- No foreign keys: mails and audit entries outlive what they speak of.
    create table mails (
      id uuid primary key,
      kind text not null,
      owner text not null check (owner in ('workflow', 'relay')),
      tenant_id uuid,
      invite_id uuid,
      onboarding_id uuid,
      invite_token_id uuid,
      user_id uuid,
      to_email citext not null,
      to_name text,
      locale text not null,
      data jsonb not null default '{}',
      secret_id uuid,
      status text not null default 'due'
        check (status in ('due', 'sending', 'sent', 'bounced', 'uncertain', 'dropped')),
      message_id text not null unique,
      due_at timestamptz not null default now(),
      attempts int not null default 0,
      sendings int not null default 0,
      sending_since timestamptz,
      sent_at timestamptz,
      problem text,
      problem_detail text,
      request_id text,
      created_at timestamptz not null default now()
    );
    create index mails_open on mails (due_at) where status in ('due', 'sending');
    create index mails_invite on mails (invite_id, created_at);
    create index mails_failed on mails (status, created_at) where status in ('bounced', 'uncertain');

    create table audit_entries (
      id uuid primary key,
      seq bigint generated always as identity unique,
      action text not null,
      crud text not null check (crud in ('c', 'r', 'u', 'd')),
      outcome text not null default 'success' check (outcome in ('success', 'failure', 'denied')),
      tenant_id uuid,
      partner_id uuid,
      actor_type text not null,
      actor_id text not null,
      targets jsonb not null default '[]',
      description text,
      metadata jsonb not null default '{}',
      source_ip inet,
      user_agent text,
      component text not null,
      request_id text,
      client_request_id text,
      at timestamptz not null default now()
    );
    create index audit_entries_tenant on audit_entries (tenant_id, seq);
    create index audit_entries_action on audit_entries (action, seq);
  `);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw(`
    drop function enqueue_wake(uuid, text, text, jsonb, text, text);
    drop table audit_entries, mails, secret_accesses, secrets, system_state, rate_limits, idempotency_keys, events,
      outbox, outbox_aggregates;
    drop extension citext;
  `);
}
