import type { Knex } from 'knex';

/** Invites and the onboardings they start: steps, attempts, orders, resources, the backends' rate. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    create table invites (
      id uuid primary key,
      tenant_id uuid not null references tenants,
      email citext not null,
      name text,
      role text not null check (role in ('owner', 'admin', 'client', 'partner')),
      locale text not null,
      status text not null default 'invited'
        check (status in ('invited', 'accepted', 'expired', 'revoked', 'declined')),
      invited_by text not null,
      inviter_user_id uuid references users,
      expires_in_hours int not null check (expires_in_hours between 1 and 720),
      expires_at timestamptz not null,
      accepted_at timestamptz,
      opened_at timestamptz,
      resend_count int not null default 0,
      last_sent_at timestamptz,
      reminded_at timestamptz,
      declined_reason text,
      terms_version text,
      terms_accepted_at timestamptz,
      terms_ip inet,
      self_serve boolean not null default false,
      held boolean not null default false,
      bulk_id text,
      bulk_row int,
      version int not null default 1,
      created_at timestamptz not null default now(),
      updated_at timestamptz not null default now()
    );
    create unique index invites_live on invites (tenant_id, email) where status = 'invited';
    create unique index invites_bulk on invites (bulk_id, bulk_row) where bulk_id is not null;
    create index invites_list on invites (created_at desc, id desc);
    create index invites_expiry on invites (expires_at) where status = 'invited';

    create table invite_tokens (
      id uuid primary key,
      invite_id uuid not null references invites,
      tenant_id uuid not null,
      token_hash bytea not null unique,
      purpose text not null check (purpose in ('first', 'resend', 'reminder')),
      created_at timestamptz not null default now(),
      superseded_at timestamptz
    );
    create index invite_tokens_invite on invite_tokens (invite_id);

    create table onboardings (
      id uuid primary key,
      invite_id uuid not null unique references invites,
      tenant_id uuid not null references tenants,
      user_id uuid references users,
      kind text check (kind in ('provision', 'member')),
      state text not null default 'invited' check (state in
        ('invited', 'email_confirmed', 'workspace_registered', 'token_added', 'validated', 'active', 'failed',
         'expired', 'revoked', 'declined', 'rolled_back', 'cancelled')),
      -- Where a failed onboarding stood, and returns to.
      stood_at text,
      blueprint text not null,
      -- Each park and each wait for the customer takes the next number; an order answers one.
      number int not null default 0,
      waiting_for text check (waiting_for in ('customer', 'order')),
      waiting_since timestamptz,
      reminders_sent int not null default 0,
      customer_wait_ms bigint not null default 0,
      failed_step text,
      problem text,
      parked_at timestamptz,
      undoing boolean not null default false,
      manual_orders int not null default 0,
      accepted_at timestamptz,
      first_update_at timestamptz,
      activated_at timestamptz,
      ended_at timestamptz,
      driven_at timestamptz,
      request_id text,
      version int not null default 1,
      created_at timestamptz not null default now(),
      updated_at timestamptz not null default now()
    );
    create unique index onboardings_open_provision on onboardings (tenant_id)
      where kind = 'provision' and state not in ('active', 'rolled_back', 'cancelled');
    create index onboardings_list on onboardings (created_at desc, id desc);
    create index onboardings_user on onboardings (user_id, accepted_at) where user_id is not null;
    create index onboardings_tenant on onboardings (tenant_id, created_at desc);
    create index onboardings_parked on onboardings (parked_at) where state = 'failed';
    create index onboardings_driven on onboardings (driven_at)
      where state not in ('active', 'revoked', 'declined', 'rolled_back', 'cancelled', 'expired');

    create table onboarding_steps (
      onboarding_id uuid not null references onboardings,
      key text not null,
      tenant_id uuid not null,
      position int not null,
      connector text not null,
      step text not null,
      status text not null default 'pending' check (status in
        ('pending', 'parked', 'done', 'skipped', 'undone', 'left')),
      generation int not null default 1,
      -- How many definite failures the present series of tries has seen; an order begins a new series.
      failures int not null default 0,
      series int not null default 1,
      next_attempt_at timestamptz,
      limited_since timestamptz,
      extract jsonb not null default '{}',
      -- Nobody knows whether the last call of this generation took effect.
      in_doubt boolean not null default false,
      started_at timestamptz,
      ended_at timestamptz,
      undo_generation int not null default 1,
      undo_failures int not null default 0,
      primary key (onboarding_id, key)
    );

    create table step_attempts (
      id uuid primary key,
      onboarding_id uuid not null,
      key text not null,
      tenant_id uuid not null,
      n int not null,
      phase text not null check (phase in ('do', 'verify', 'undo', 'undo-verify')),
      generation int not null,
      series int not null,
      started_at timestamptz not null default now(),
      ended_at timestamptz,
      outcome text check (outcome in
        ('success', 'absent', 'transient', 'permanent', 'uncertain', 'rate-limited')),
      http_status int,
      problem text,
      request jsonb,
      response jsonb,
      duration_ms int,
      actor text not null,
      request_id text,
      slot int,
      foreign key (onboarding_id, key) references onboarding_steps,
      unique (onboarding_id, key, n)
    );
    create index step_attempts_open on step_attempts (onboarding_id, key) where ended_at is null;
    create index step_attempts_request on step_attempts (request_id) where request_id is not null;

    create table onboarding_events (
      id bigint generated always as identity primary key,
      onboarding_id uuid not null references onboardings,
      tenant_id uuid not null,
      transition_id text not null,
      type text not null,
      from_state text,
      to_state text,
      data jsonb not null default '{}',
      actor text not null,
      request_id text,
      at timestamptz not null default now(),
      unique (onboarding_id, transition_id)
    );
    create index onboarding_events_request on onboarding_events (request_id) where request_id is not null;

    -- What the customer or an operator handed over for the steps. Secrets are sealed beside it.
    create table onboarding_inputs (
      onboarding_id uuid primary key references onboardings,
      tenant_id uuid not null,
      spreadsheet_id text,
      owner_email citext,
      wb_token_secret_id uuid,
      wb_token_fingerprint bytea,
      updated_at timestamptz not null default now()
    );

    create table orders (
      id uuid primary key,
      onboarding_id uuid not null references onboardings,
      tenant_id uuid not null,
      number int not null,
      kind text not null check (kind in ('retry', 'fix', 'skip', 'rollback', 'cancel')),
      reason text not null,
      input jsonb not null default '{}',
      secret_id uuid,
      actor text not null,
      client_request_id text,
      status text not null default 'queued' check (status in ('queued', 'applied', 'refused')),
      outcome jsonb,
      created_at timestamptz not null default now(),
      applied_at timestamptz,
      unique (onboarding_id, number)
    );
    create index orders_queued on orders (onboarding_id) where status = 'queued';

    create table user_workspaces (
      user_id uuid not null references users,
      tenant_id uuid not null references tenants,
      external_id text not null,
      is_active boolean not null default true,
      created_at timestamptz not null default now(),
      primary key (user_id, tenant_id, external_id)
    );

    create table tenant_resources (
      id uuid primary key,
      tenant_id uuid not null references tenants,
      connector text not null,
      external_id text,
      status text not null check (status in ('pending', 'ready', 'error', 'left')),
      last_error text,
      drift text check (drift in ('missing', 'extra', 'changed')),
      onboarding_id uuid,
      checked_at timestamptz,
      created_at timestamptz not null default now(),
      updated_at timestamptz not null default now()
    );
    create unique index tenant_resources_current on tenant_resources (tenant_id, connector) where status <> 'left';
    create index tenant_resources_check on tenant_resources (checked_at nulls first) where status in ('ready', 'error');

    create table token_rotations (
      id uuid primary key,
      tenant_id uuid not null references tenants,
      onboarding_id uuid not null references onboardings,
      state text not null default 'adding' check (state in ('adding', 'verifying', 'smoking', 'done', 'failed')),
      -- Index of the present step, and whether a call of it was begun whose outcome nobody knows.
      at_step int not null default 0,
      in_doubt boolean not null default false,
      reason text not null,
      requested_by text not null,
      secret_id uuid,
      fingerprint bytea not null,
      failures int not null default 0,
      next_attempt_at timestamptz,
      attempts jsonb not null default '[]',
      extract jsonb not null default '{}',
      problem text,
      driven_at timestamptz,
      request_id text,
      created_at timestamptz not null default now(),
      ended_at timestamptz
    );
    create unique index token_rotations_open on token_rotations (tenant_id)
      where state not in ('done', 'failed');

    -- The backend's rate: as many slots a (connector, path) as calls fit into its window.
    create table connector_slots (
      connector text not null,
      path text not null,
      n int not null,
      taken_at timestamptz,
      free_at timestamptz not null default '-infinity',
      answered boolean not null default true,
      primary key (connector, path, n)
    );
    create index connector_slots_free on connector_slots (connector, path, free_at);

    create table connector_paths (
      connector text not null,
      path text not null,
      calls int not null,
      window_ms int not null,
      closed_until timestamptz not null default '-infinity',
      primary key (connector, path)
    );

    -- Places in line of calls that found no slot; oldest first.
    create table connector_line (
      connector text not null,
      path text not null,
      caller text not null,
      place bigint generated always as identity,
      joined_at timestamptz not null default now(),
      due_at timestamptz not null,
      primary key (connector, path, caller)
    );
    create index connector_line_order on connector_line (connector, path, place);

    create table rollout (
      id boolean primary key default true check (id),
      stage text not null default '100' check (stage in ('internal', 'pilot', '25', '50', '100')),
      frozen_at timestamptz,
      frozen_reason text,
      since timestamptz not null default now(),
      version int not null default 1
    );
    insert into rollout default values;

    create table rollout_changes (
      id uuid primary key,
      action text not null check (action in ('promote', 'freeze', 'unfreeze', 'override')),
      from_stage text not null,
      to_stage text not null,
      actor text not null,
      reason text,
      figures jsonb not null,
      at timestamptz not null default now()
    );

    create table incidents (
      id uuid primary key,
      title text not null,
      severity text not null check (severity in ('minor', 'major', 'critical')),
      opened_by text not null,
      opened_at timestamptz not null default now(),
      closed_by text,
      closed_at timestamptz,
      note text
    );
  `);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw(`
    drop table incidents, rollout_changes, rollout, connector_line, connector_paths, connector_slots, token_rotations,
      tenant_resources, user_workspaces, orders, onboarding_inputs, onboarding_events, step_attempts,
      onboarding_steps, onboardings, invite_tokens, invites;
  `);
}
