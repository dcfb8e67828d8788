-- The schema after all migrations. Made by: npm run schema:dump

-- Extensions

create extension citext;

create extension pg_trgm;

-- Tables

create table audit_actions (
  action text not null,
  constraint audit_actions_pkey PRIMARY KEY (action)
);

create table audit_checkpoints (
  origin text not null,
  size bigint not null,
  root bytea not null,
  head_hash bytea not null,
  note text not null,
  reason text not null,
  at timestamp with time zone default clock_timestamp() not null,
  published_at timestamp with time zone,
  constraint audit_checkpoints_head_hash_check CHECK ((octet_length(head_hash) = 32)),
  constraint audit_checkpoints_pkey PRIMARY KEY (origin, size),
  constraint audit_checkpoints_reason_check CHECK ((reason = ANY (ARRAY['startup'::text, 'interval'::text, 'threshold'::text, 'manual'::text]))),
  constraint audit_checkpoints_root_check CHECK ((octet_length(root) = 32)),
  constraint audit_checkpoints_size_check CHECK ((size > 0))
);

create table audit_dedupe (
  caller text not null,
  source text not null,
  external_id text not null,
  event_id uuid not null,
  content_hash bytea not null,
  salt bytea,
  digest bytea,
  constraint audit_dedupe_pkey PRIMARY KEY (caller, source, external_id)
);

create table audit_entries (
  id uuid not null,
  seq bigint generated always as identity not null,
  action text not null,
  crud text not null,
  outcome text default 'success'::text not null,
  tenant_id uuid,
  partner_id uuid,
  actor_type text not null,
  actor_id text not null,
  targets jsonb default '[]'::jsonb not null,
  description text,
  metadata jsonb default '{}'::jsonb not null,
  source_ip inet,
  user_agent text,
  component text not null,
  request_id text,
  client_request_id text,
  at timestamp with time zone default now() not null,
  constraint audit_entries_crud_check CHECK ((crud = ANY (ARRAY['c'::text, 'r'::text, 'u'::text, 'd'::text]))),
  constraint audit_entries_outcome_check CHECK ((outcome = ANY (ARRAY['success'::text, 'failure'::text, 'denied'::text]))),
  constraint audit_entries_pkey PRIMARY KEY (id),
  constraint audit_entries_seq_key UNIQUE (seq)
);
alter table audit_entries enable row level security, force row level security;

create table audit_head (
  one boolean default true not null,
  origin text,
  size bigint default 0 not null,
  last_hash bytea default decode(repeat('00'::text, 32), 'hex'::text) not null,
  frontier bytea default '\x'::bytea not null,
  system_identifier text,
  database_oid bigint,
  updated_at timestamp with time zone default now() not null,
  halted text,
  constraint audit_head_one_check CHECK (one),
  constraint audit_head_pkey PRIMARY KEY (one)
);

create table audit_keys (
  vkey text not null,
  origin text not null,
  n integer not null,
  announced_by uuid,
  since_size bigint,
  until_size bigint,
  endorsement text,
  added_at timestamp with time zone default clock_timestamp() not null,
  constraint audit_keys_origin_n_key UNIQUE (origin, n),
  constraint audit_keys_pkey PRIMARY KEY (vkey)
);

create table audit_log (
  seq bigint not null,
  id uuid not null,
  kind text not null,
  tenant_id uuid,
  tenant_seq bigint,
  partner_id uuid,
  action text not null,
  outcome text not null,
  actor_id text,
  product text,
  source text,
  request_id text,
  target_ids text[] not null,
  subjects text[] not null,
  at timestamp with time zone not null,
  sequenced_at timestamp with time zone not null,
  late boolean not null,
  leaf text not null,
  hash bytea not null,
  constraint audit_log_check CHECK (((tenant_id IS NULL) = (tenant_seq IS NULL))),
  constraint audit_log_hash_check CHECK ((octet_length(hash) = 32)),
  constraint audit_log_pkey PRIMARY KEY (seq)
) partition by RANGE (seq);
alter table audit_log enable row level security, force row level security;

create table audit_partitions (
  from_seq bigint not null,
  to_seq bigint not null,
  made_at timestamp with time zone default now() not null,
  pruned_at timestamp with time zone,
  constraint audit_partitions_check CHECK ((to_seq > from_seq)),
  constraint audit_partitions_pkey PRIMARY KEY (from_seq)
);

create table audit_pending (
  pid bigint generated always as identity not null,
  id uuid not null,
  kind text not null,
  tenant_id uuid,
  partner_id uuid,
  action text not null,
  outcome text not null,
  actor_id text,
  product text,
  source text,
  request_id text,
  target_ids text[] not null,
  subjects text[] not null,
  at timestamp with time zone not null,
  core text not null,
  parts text[] not null,
  part_subjects text[] not null,
  part_salts bytea[] not null,
  part_bodies text[] not null,
  part_searches text[] not null,
  appended_at timestamp with time zone default clock_timestamp() not null,
  constraint audit_pending_check CHECK (((cardinality(parts) = cardinality(part_subjects)) AND (cardinality(parts) = cardinality(part_salts)) AND (cardinality(parts) = cardinality(part_bodies)) AND (cardinality(parts) = cardinality(part_searches)))),
  constraint audit_pending_core_check CHECK ((octet_length(core) <= 32768)),
  constraint audit_pending_kind_check CHECK ((kind = ANY (ARRAY['control'::text, 'own'::text, 'foreign'::text]))),
  constraint audit_pending_outcome_check CHECK ((outcome = ANY (ARRAY['success'::text, 'failure'::text, 'denied'::text]))),
  constraint audit_pending_pkey PRIMARY KEY (pid)
);
alter table audit_pending enable row level security, force row level security;

create table audit_pii (
  seq bigint not null,
  part text not null,
  tenant_id uuid,
  event_id uuid not null,
  subjects text[] not null,
  salt bytea not null,
  body text not null,
  search text,
  constraint audit_pii_pkey PRIMARY KEY (seq, part),
  constraint audit_pii_salt_check CHECK ((octet_length(salt) = 32))
) partition by RANGE (seq);
alter table audit_pii enable row level security, force row level security;

create table audit_pulse (
  one boolean default true not null,
  at timestamp with time zone not null,
  constraint audit_pulse_one_check CHECK (one),
  constraint audit_pulse_pkey PRIMARY KEY (one)
);

create table audit_signatures (
  id uuid not null,
  kind text not null,
  tenant_id uuid,
  claim jsonb default '{}'::jsonb not null,
  requested_by text not null,
  requested_at timestamp with time zone default clock_timestamp() not null,
  note text,
  signed_at timestamp with time zone,
  constraint audit_signatures_kind_check CHECK ((kind = ANY (ARRAY['checkpoint'::text, 'tenant-head'::text, 'export'::text]))),
  constraint audit_signatures_pkey PRIMARY KEY (id)
);
alter table audit_signatures enable row level security, force row level security;

create table audit_tenant_heads (
  tenant_id uuid not null,
  tenant_seq bigint not null,
  hash bytea not null,
  last_seq bigint not null,
  constraint audit_tenant_heads_pkey PRIMARY KEY (tenant_id)
);
alter table audit_tenant_heads enable row level security, force row level security;

create table audit_tiles (
  level smallint not null,
  idx bigint not null,
  hashes bytea not null,
  constraint audit_tiles_hashes_check CHECK ((((octet_length(hashes) >= 32) AND (octet_length(hashes) <= 8192)) AND ((octet_length(hashes) % 32) = 0))),
  constraint audit_tiles_pkey PRIMARY KEY (level, idx)
);

create table connector_line (
  connector text not null,
  path text not null,
  caller text not null,
  place bigint generated always as identity not null,
  joined_at timestamp with time zone default now() not null,
  due_at timestamp with time zone not null,
  constraint connector_line_pkey PRIMARY KEY (connector, path, caller)
);

create table connector_paths (
  connector text not null,
  path text not null,
  calls integer not null,
  window_ms integer not null,
  closed_until timestamp with time zone default '-infinity'::timestamp with time zone not null,
  constraint connector_paths_pkey PRIMARY KEY (connector, path)
);

create table connector_slots (
  connector text not null,
  path text not null,
  n integer not null,
  taken_at timestamp with time zone,
  free_at timestamp with time zone default '-infinity'::timestamp with time zone not null,
  answered boolean default true not null,
  constraint connector_slots_pkey PRIMARY KEY (connector, path, n)
);

create table events (
  seq bigint generated always as identity not null,
  xid xid8 default pg_current_xact_id() not null,
  id uuid not null,
  type text not null,
  tenant_id uuid,
  data jsonb not null,
  request_id text,
  at timestamp with time zone default now() not null,
  constraint events_id_key UNIQUE (id),
  constraint events_pkey PRIMARY KEY (seq)
);

create table idempotency_keys (
  key_hash bytea not null,
  body_hmac bytea not null,
  status integer,
  response jsonb,
  wait_for jsonb,
  once_sealed bytea,
  once_expires_at timestamp with time zone,
  created_at timestamp with time zone default now() not null,
  expires_at timestamp with time zone not null,
  constraint idempotency_keys_pkey PRIMARY KEY (key_hash)
);

create table incidents (
  id uuid not null,
  title text not null,
  severity text not null,
  opened_by text not null,
  opened_at timestamp with time zone default now() not null,
  closed_by text,
  closed_at timestamp with time zone,
  note text,
  constraint incidents_pkey PRIMARY KEY (id),
  constraint incidents_severity_check CHECK ((severity = ANY (ARRAY['minor'::text, 'major'::text, 'critical'::text])))
);

create table invite_tokens (
  id uuid not null,
  invite_id uuid not null,
  tenant_id uuid not null,
  token_hash bytea not null,
  purpose text not null,
  created_at timestamp with time zone default now() not null,
  superseded_at timestamp with time zone,
  constraint invite_tokens_invite_id_fkey FOREIGN KEY (invite_id) REFERENCES invites(id),
  constraint invite_tokens_pkey PRIMARY KEY (id),
  constraint invite_tokens_purpose_check CHECK ((purpose = ANY (ARRAY['first'::text, 'resend'::text, 'reminder'::text]))),
  constraint invite_tokens_token_hash_key UNIQUE (token_hash)
);
alter table invite_tokens enable row level security, force row level security;

create table invites (
  id uuid not null,
  tenant_id uuid not null,
  email citext not null,
  name text,
  role text not null,
  locale text not null,
  status text default 'invited'::text not null,
  invited_by text not null,
  inviter_user_id uuid,
  expires_in_hours integer not null,
  expires_at timestamp with time zone not null,
  accepted_at timestamp with time zone,
  opened_at timestamp with time zone,
  resend_count integer default 0 not null,
  last_sent_at timestamp with time zone,
  reminded_at timestamp with time zone,
  declined_reason text,
  terms_version text,
  terms_accepted_at timestamp with time zone,
  terms_ip inet,
  self_serve boolean default false not null,
  held boolean default false not null,
  bulk_id text,
  bulk_row integer,
  version integer default 1 not null,
  created_at timestamp with time zone default now() not null,
  updated_at timestamp with time zone default now() not null,
  constraint invites_expires_in_hours_check CHECK (((expires_in_hours >= 1) AND (expires_in_hours <= 720))),
  constraint invites_inviter_user_id_fkey FOREIGN KEY (inviter_user_id) REFERENCES users(id),
  constraint invites_pkey PRIMARY KEY (id),
  constraint invites_role_check CHECK ((role = ANY (ARRAY['owner'::text, 'admin'::text, 'client'::text, 'partner'::text]))),
  constraint invites_status_check CHECK ((status = ANY (ARRAY['invited'::text, 'accepted'::text, 'expired'::text, 'revoked'::text, 'declined'::text]))),
  constraint invites_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants(id)
);
alter table invites enable row level security, force row level security;

create table login_links (
  id uuid not null,
  token_hash bytea not null,
  user_id uuid not null,
  created_at timestamp with time zone default now() not null,
  expires_at timestamp with time zone not null,
  used_at timestamp with time zone,
  constraint login_links_pkey PRIMARY KEY (id),
  constraint login_links_token_hash_key UNIQUE (token_hash),
  constraint login_links_user_id_fkey FOREIGN KEY (user_id) REFERENCES users(id)
);

create table mails (
  id uuid not null,
  kind text not null,
  owner text not null,
  tenant_id uuid,
  invite_id uuid,
  onboarding_id uuid,
  invite_token_id uuid,
  user_id uuid,
  to_email citext not null,
  to_name text,
  locale text not null,
  data jsonb default '{}'::jsonb not null,
  secret_id uuid,
  status text default 'due'::text not null,
  message_id text not null,
  due_at timestamp with time zone default now() not null,
  attempts integer default 0 not null,
  sendings integer default 0 not null,
  sending_since timestamp with time zone,
  sent_at timestamp with time zone,
  problem text,
  problem_detail text,
  request_id text,
  created_at timestamp with time zone default now() not null,
  constraint mails_message_id_key UNIQUE (message_id),
  constraint mails_owner_check CHECK ((owner = ANY (ARRAY['workflow'::text, 'relay'::text]))),
  constraint mails_pkey PRIMARY KEY (id),
  constraint mails_status_check CHECK ((status = ANY (ARRAY['due'::text, 'sending'::text, 'sent'::text, 'bounced'::text, 'uncertain'::text, 'dropped'::text])))
);
alter table mails enable row level security, force row level security;

create table memberships (
  id uuid not null,
  user_id uuid not null,
  scope text not null,
  tenant_id uuid,
  partner_id uuid,
  role text not null,
  origin text default 'local'::text not null,
  onboarding_id uuid,
  created_at timestamp with time zone default now() not null,
  withdrawn_at timestamp with time zone,
  constraint memberships_check CHECK (((scope = 'tenant'::text) = (tenant_id IS NOT NULL))),
  constraint memberships_check1 CHECK (((scope = 'partner'::text) = (partner_id IS NOT NULL))),
  constraint memberships_partner_id_fkey FOREIGN KEY (partner_id) REFERENCES partners(id),
  constraint memberships_pkey PRIMARY KEY (id),
  constraint memberships_scope_check CHECK ((scope = ANY (ARRAY['platform'::text, 'tenant'::text, 'partner'::text]))),
  constraint memberships_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants(id),
  constraint memberships_user_id_fkey FOREIGN KEY (user_id) REFERENCES users(id)
);
alter table memberships enable row level security, force row level security;

create table oidc_flows (
  state_hash bytea not null,
  issuer_name text not null,
  secret_id uuid not null,
  invite_token_hash bytea,
  return_to text,
  created_at timestamp with time zone default now() not null,
  expires_at timestamp with time zone not null,
  constraint oidc_flows_pkey PRIMARY KEY (state_hash)
);

create table onboarding_events (
  id bigint generated always as identity not null,
  onboarding_id uuid not null,
  tenant_id uuid not null,
  transition_id text not null,
  type text not null,
  from_state text,
  to_state text,
  data jsonb default '{}'::jsonb not null,
  actor text not null,
  request_id text,
  at timestamp with time zone default now() not null,
  constraint onboarding_events_onboarding_id_fkey FOREIGN KEY (onboarding_id) REFERENCES onboardings(id),
  constraint onboarding_events_onboarding_id_transition_id_key UNIQUE (onboarding_id, transition_id),
  constraint onboarding_events_pkey PRIMARY KEY (id)
);
alter table onboarding_events enable row level security, force row level security;

create table onboarding_inputs (
  onboarding_id uuid not null,
  tenant_id uuid not null,
  spreadsheet_id text,
  owner_email citext,
  wb_token_secret_id uuid,
  wb_token_fingerprint bytea,
  updated_at timestamp with time zone default now() not null,
  constraint onboarding_inputs_onboarding_id_fkey FOREIGN KEY (onboarding_id) REFERENCES onboardings(id),
  constraint onboarding_inputs_pkey PRIMARY KEY (onboarding_id)
);
alter table onboarding_inputs enable row level security, force row level security;

create table onboarding_steps (
  onboarding_id uuid not null,
  key text not null,
  tenant_id uuid not null,
  "position" integer not null,
  connector text not null,
  step text not null,
  status text default 'pending'::text not null,
  generation integer default 1 not null,
  failures integer default 0 not null,
  series integer default 1 not null,
  next_attempt_at timestamp with time zone,
  limited_since timestamp with time zone,
  "extract" jsonb default '{}'::jsonb not null,
  in_doubt boolean default false not null,
  started_at timestamp with time zone,
  ended_at timestamp with time zone,
  undo_generation integer default 1 not null,
  undo_failures integer default 0 not null,
  constraint onboarding_steps_onboarding_id_fkey FOREIGN KEY (onboarding_id) REFERENCES onboardings(id),
  constraint onboarding_steps_pkey PRIMARY KEY (onboarding_id, key),
  constraint onboarding_steps_status_check CHECK ((status = ANY (ARRAY['pending'::text, 'parked'::text, 'done'::text, 'skipped'::text, 'undone'::text, 'left'::text])))
);
alter table onboarding_steps enable row level security, force row level security;

create table onboardings (
  id uuid not null,
  invite_id uuid not null,
  tenant_id uuid not null,
  user_id uuid,
  kind text,
  state text default 'invited'::text not null,
  stood_at text,
  blueprint text not null,
  number integer default 0 not null,
  waiting_for text,
  waiting_since timestamp with time zone,
  reminders_sent integer default 0 not null,
  customer_wait_ms bigint default 0 not null,
  failed_step text,
  problem text,
  parked_at timestamp with time zone,
  undoing boolean default false not null,
  manual_orders integer default 0 not null,
  accepted_at timestamp with time zone,
  first_update_at timestamp with time zone,
  activated_at timestamp with time zone,
  ended_at timestamp with time zone,
  driven_at timestamp with time zone,
  request_id text,
  version integer default 1 not null,
  created_at timestamp with time zone default now() not null,
  updated_at timestamp with time zone default now() not null,
  constraint onboardings_invite_id_fkey FOREIGN KEY (invite_id) REFERENCES invites(id),
  constraint onboardings_invite_id_key UNIQUE (invite_id),
  constraint onboardings_kind_check CHECK ((kind = ANY (ARRAY['provision'::text, 'member'::text]))),
  constraint onboardings_pkey PRIMARY KEY (id),
  constraint onboardings_state_check CHECK ((state = ANY (ARRAY['invited'::text, 'email_confirmed'::text, 'workspace_registered'::text, 'token_added'::text, 'validated'::text, 'active'::text, 'failed'::text, 'expired'::text, 'revoked'::text, 'declined'::text, 'rolled_back'::text, 'cancelled'::text]))),
  constraint onboardings_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants(id),
  constraint onboardings_user_id_fkey FOREIGN KEY (user_id) REFERENCES users(id),
  constraint onboardings_waiting_for_check CHECK ((waiting_for = ANY (ARRAY['customer'::text, 'order'::text])))
);
alter table onboardings enable row level security, force row level security;

create table orders (
  id uuid not null,
  onboarding_id uuid not null,
  tenant_id uuid not null,
  number integer not null,
  kind text not null,
  reason text not null,
  input jsonb default '{}'::jsonb not null,
  secret_id uuid,
  actor text not null,
  client_request_id text,
  status text default 'queued'::text not null,
  outcome jsonb,
  created_at timestamp with time zone default now() not null,
  applied_at timestamp with time zone,
  constraint orders_kind_check CHECK ((kind = ANY (ARRAY['retry'::text, 'fix'::text, 'skip'::text, 'rollback'::text, 'cancel'::text]))),
  constraint orders_onboarding_id_fkey FOREIGN KEY (onboarding_id) REFERENCES onboardings(id),
  constraint orders_onboarding_id_number_key UNIQUE (onboarding_id, number),
  constraint orders_pkey PRIMARY KEY (id),
  constraint orders_status_check CHECK ((status = ANY (ARRAY['queued'::text, 'applied'::text, 'refused'::text])))
);
alter table orders enable row level security, force row level security;

create table outbox (
  id uuid not null,
  aggregate text not null,
  n bigint not null,
  workflow_type text not null,
  workflow_id text not null,
  input jsonb not null,
  request_id text,
  created_at timestamp with time zone default now() not null,
  available_at timestamp with time zone default now() not null,
  attempts integer default 0 not null,
  claimed_by text,
  claimed_until timestamp with time zone,
  delivered_at timestamp with time zone,
  dead_at timestamp with time zone,
  last_error text,
  constraint outbox_aggregate_n_key UNIQUE (aggregate, n),
  constraint outbox_pkey PRIMARY KEY (id)
);

create table outbox_aggregates (
  aggregate text not null,
  last_n bigint not null,
  constraint outbox_aggregates_pkey PRIMARY KEY (aggregate)
);

create table partners (
  id uuid not null,
  slug text not null,
  name text not null,
  status text default 'active'::text not null,
  version integer default 1 not null,
  created_at timestamp with time zone default now() not null,
  updated_at timestamp with time zone default now() not null,
  constraint partners_pkey PRIMARY KEY (id),
  constraint partners_slug_check CHECK ((slug ~ '^[a-z0-9][a-z0-9-]{1,38}[a-z0-9]$'::text)),
  constraint partners_slug_key UNIQUE (slug),
  constraint partners_status_check CHECK ((status = ANY (ARRAY['active'::text, 'terminated'::text])))
);

create table rate_limits (
  key character varying(255) not null,
  points integer default 0 not null,
  expire bigint,
  constraint rate_limits_pkey PRIMARY KEY (key)
);

create table resource_repairs (
  id uuid not null,
  tenant_id uuid not null,
  resource_id uuid not null,
  connector text not null,
  onboarding_id uuid not null,
  reason text not null,
  requested_by text not null,
  state text default 'open'::text not null,
  at_step integer default 0 not null,
  look_up boolean default true not null,
  in_doubt boolean default false not null,
  failures integer default 0 not null,
  next_attempt_at timestamp with time zone,
  "extract" jsonb default '{}'::jsonb not null,
  attempts jsonb default '[]'::jsonb not null,
  problem text,
  driven_at timestamp with time zone,
  request_id text,
  created_at timestamp with time zone default now() not null,
  ended_at timestamp with time zone,
  constraint resource_repairs_onboarding_id_fkey FOREIGN KEY (onboarding_id) REFERENCES onboardings(id),
  constraint resource_repairs_pkey PRIMARY KEY (id),
  constraint resource_repairs_resource_id_fkey FOREIGN KEY (resource_id) REFERENCES tenant_resources(id),
  constraint resource_repairs_state_check CHECK ((state = ANY (ARRAY['open'::text, 'done'::text, 'failed'::text]))),
  constraint resource_repairs_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants(id)
);
alter table resource_repairs enable row level security, force row level security;

create table rollout (
  id boolean default true not null,
  stage text default '100'::text not null,
  frozen_at timestamp with time zone,
  frozen_reason text,
  since timestamp with time zone default now() not null,
  version integer default 1 not null,
  constraint rollout_id_check CHECK (id),
  constraint rollout_pkey PRIMARY KEY (id),
  constraint rollout_stage_check CHECK ((stage = ANY (ARRAY['internal'::text, 'pilot'::text, '25'::text, '50'::text, '100'::text])))
);

create table rollout_changes (
  id uuid not null,
  action text not null,
  from_stage text not null,
  to_stage text not null,
  actor text not null,
  reason text,
  figures jsonb not null,
  at timestamp with time zone default now() not null,
  constraint rollout_changes_action_check CHECK ((action = ANY (ARRAY['promote'::text, 'freeze'::text, 'unfreeze'::text, 'override'::text]))),
  constraint rollout_changes_pkey PRIMARY KEY (id)
);

create table secret_accesses (
  id uuid not null,
  secret_id uuid not null,
  tenant_id uuid,
  owner_table text not null,
  owner_id uuid not null,
  field text not null,
  who text not null,
  why text not null,
  request_id text,
  at timestamp with time zone default now() not null,
  constraint secret_accesses_pkey PRIMARY KEY (id)
);
alter table secret_accesses enable row level security, force row level security;

create table secrets (
  id uuid not null,
  tenant_id uuid,
  owner_table text not null,
  owner_id uuid not null,
  field text not null,
  version integer not null,
  kid text not null,
  wrapped_dek bytea not null,
  iv bytea not null,
  ciphertext bytea not null,
  tag bytea not null,
  fingerprint bytea not null,
  created_at timestamp with time zone default now() not null,
  rewrapped_at timestamp with time zone,
  constraint secrets_pkey PRIMARY KEY (id)
);
alter table secrets enable row level security, force row level security;

create table service_accounts (
  id uuid not null,
  name text not null,
  prefix text not null,
  key_digest bytea not null,
  pepper_id text not null,
  permissions text[] not null,
  allowed_cidrs cidr[] default '{}'::cidr[] not null,
  created_by text not null,
  created_at timestamp with time zone default now() not null,
  rotated_at timestamp with time zone,
  last_used_at timestamp with time zone,
  revoked_at timestamp with time zone,
  version integer default 1 not null,
  constraint service_accounts_key_digest_key UNIQUE (key_digest),
  constraint service_accounts_pkey PRIMARY KEY (id)
);

create table sessions (
  id uuid not null,
  token_hash bytea not null,
  user_id uuid not null,
  surface text not null,
  method text not null,
  created_at timestamp with time zone default now() not null,
  last_seen_at timestamp with time zone default now() not null,
  expires_at timestamp with time zone not null,
  idle_seconds integer not null,
  authenticated_at timestamp with time zone default now() not null,
  ended_at timestamp with time zone,
  constraint sessions_pkey PRIMARY KEY (id),
  constraint sessions_surface_check CHECK ((surface = ANY (ARRAY['operator'::text, 'partner'::text, 'customer'::text]))),
  constraint sessions_token_hash_key UNIQUE (token_hash),
  constraint sessions_user_id_fkey FOREIGN KEY (user_id) REFERENCES users(id)
);

create table step_attempts (
  id uuid not null,
  onboarding_id uuid not null,
  key text not null,
  tenant_id uuid not null,
  n integer not null,
  phase text not null,
  generation integer not null,
  series integer not null,
  started_at timestamp with time zone default now() not null,
  ended_at timestamp with time zone,
  outcome text,
  http_status integer,
  problem text,
  request jsonb,
  response jsonb,
  duration_ms integer,
  actor text not null,
  request_id text,
  slot integer,
  constraint step_attempts_onboarding_id_key_fkey FOREIGN KEY (onboarding_id, key) REFERENCES onboarding_steps(onboarding_id, key),
  constraint step_attempts_onboarding_id_key_n_key UNIQUE (onboarding_id, key, n),
  constraint step_attempts_outcome_check CHECK ((outcome = ANY (ARRAY['success'::text, 'absent'::text, 'transient'::text, 'permanent'::text, 'uncertain'::text, 'rate-limited'::text]))),
  constraint step_attempts_phase_check CHECK ((phase = ANY (ARRAY['do'::text, 'verify'::text, 'undo'::text, 'undo-verify'::text]))),
  constraint step_attempts_pkey PRIMARY KEY (id)
);
alter table step_attempts enable row level security, force row level security;

create table system_state (
  key text not null,
  value jsonb not null,
  updated_at timestamp with time zone default now() not null,
  constraint system_state_pkey PRIMARY KEY (key)
);

create table tenant_resources (
  id uuid not null,
  tenant_id uuid not null,
  connector text not null,
  external_id text,
  status text not null,
  last_error text,
  drift text,
  onboarding_id uuid,
  checked_at timestamp with time zone,
  created_at timestamp with time zone default now() not null,
  updated_at timestamp with time zone default now() not null,
  constraint tenant_resources_drift_check CHECK ((drift = ANY (ARRAY['missing'::text, 'extra'::text, 'changed'::text]))),
  constraint tenant_resources_pkey PRIMARY KEY (id),
  constraint tenant_resources_status_check CHECK ((status = ANY (ARRAY['pending'::text, 'ready'::text, 'error'::text, 'left'::text]))),
  constraint tenant_resources_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants(id)
);
alter table tenant_resources enable row level security, force row level security;

create table tenants (
  id uuid not null,
  slug text not null,
  name text not null,
  status text not null,
  former_status text,
  plan text default 'starter'::text not null,
  kind text default 'customer'::text not null,
  partner_id uuid,
  sales_owner text,
  trial_ends_at timestamp with time zone,
  activated_at timestamp with time zone,
  suspended_at timestamp with time zone,
  suspended_reason text,
  suspended_by text,
  bucket integer not null,
  version integer default 1 not null,
  created_at timestamp with time zone default now() not null,
  updated_at timestamp with time zone default now() not null,
  constraint tenants_bucket_check CHECK (((bucket >= 0) AND (bucket <= 99))),
  constraint tenants_partner_id_fkey FOREIGN KEY (partner_id) REFERENCES partners(id),
  constraint tenants_pkey PRIMARY KEY (id),
  constraint tenants_slug_key UNIQUE (slug),
  constraint tenants_status_check CHECK ((status = ANY (ARRAY['pending'::text, 'trial'::text, 'active'::text, 'suspended'::text, 'frozen'::text, 'archived'::text, 'deleted'::text, 'purging'::text])))
);
alter table tenants enable row level security, force row level security;

create table token_rotations (
  id uuid not null,
  tenant_id uuid not null,
  onboarding_id uuid not null,
  state text default 'adding'::text not null,
  at_step integer default 0 not null,
  in_doubt boolean default false not null,
  reason text not null,
  requested_by text not null,
  secret_id uuid,
  fingerprint bytea not null,
  failures integer default 0 not null,
  next_attempt_at timestamp with time zone,
  attempts jsonb default '[]'::jsonb not null,
  "extract" jsonb default '{}'::jsonb not null,
  problem text,
  driven_at timestamp with time zone,
  request_id text,
  created_at timestamp with time zone default now() not null,
  ended_at timestamp with time zone,
  constraint token_rotations_onboarding_id_fkey FOREIGN KEY (onboarding_id) REFERENCES onboardings(id),
  constraint token_rotations_pkey PRIMARY KEY (id),
  constraint token_rotations_state_check CHECK ((state = ANY (ARRAY['adding'::text, 'verifying'::text, 'smoking'::text, 'done'::text, 'failed'::text]))),
  constraint token_rotations_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants(id)
);
alter table token_rotations enable row level security, force row level security;

create table user_identities (
  issuer text not null,
  subject text not null,
  user_id uuid not null,
  linked_at timestamp with time zone default now() not null,
  groups_as_of timestamp with time zone,
  constraint user_identities_pkey PRIMARY KEY (issuer, subject),
  constraint user_identities_user_id_fkey FOREIGN KEY (user_id) REFERENCES users(id)
);

create table user_workspaces (
  user_id uuid not null,
  tenant_id uuid not null,
  external_id text not null,
  is_active boolean default true not null,
  created_at timestamp with time zone default now() not null,
  constraint user_workspaces_pkey PRIMARY KEY (user_id, tenant_id, external_id),
  constraint user_workspaces_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants(id),
  constraint user_workspaces_user_id_fkey FOREIGN KEY (user_id) REFERENCES users(id)
);
alter table user_workspaces enable row level security, force row level security;

create table users (
  id uuid not null,
  email citext not null,
  name text,
  locale text default 'en'::text not null,
  status text default 'active'::text not null,
  staff boolean default false not null,
  password_hash text,
  password_set_at timestamp with time zone,
  must_change_password boolean default false not null,
  temporary_password_expires_at timestamp with time zone,
  activated_at timestamp with time zone,
  deactivated_at timestamp with time zone,
  version integer default 1 not null,
  created_at timestamp with time zone default now() not null,
  constraint users_email_key UNIQUE (email),
  constraint users_pkey PRIMARY KEY (id),
  constraint users_status_check CHECK ((status = ANY (ARRAY['active'::text, 'deactivated'::text])))
);

-- Indexes

CREATE INDEX audit_actions_search ON public.audit_actions USING gin (lower(action) gin_trgm_ops);

CREATE INDEX audit_checkpoints_size ON public.audit_checkpoints USING btree (size);

CREATE INDEX audit_checkpoints_unpublished ON public.audit_checkpoints USING btree (size) WHERE (published_at IS NULL);

CREATE INDEX audit_dedupe_event ON public.audit_dedupe USING btree (event_id);

CREATE INDEX audit_entries_action ON public.audit_entries USING btree (action, seq);

CREATE INDEX audit_entries_tenant ON public.audit_entries USING btree (tenant_id, seq);

CREATE INDEX audit_log_action ON ONLY public.audit_log USING btree (action, seq);

CREATE INDEX audit_log_actor ON ONLY public.audit_log USING btree (actor_id, seq);

CREATE INDEX audit_log_id ON ONLY public.audit_log USING btree (id);

CREATE INDEX audit_log_late ON ONLY public.audit_log USING btree (seq) WHERE late;

CREATE INDEX audit_log_request ON ONLY public.audit_log USING btree (request_id) WHERE (request_id IS NOT NULL);

CREATE INDEX audit_log_sequenced ON ONLY public.audit_log USING btree (sequenced_at, seq);

CREATE INDEX audit_log_targets ON ONLY public.audit_log USING gin (target_ids);

CREATE INDEX audit_log_tenant ON ONLY public.audit_log USING btree (tenant_id, seq);

CREATE INDEX audit_log_trouble ON ONLY public.audit_log USING btree (seq) WHERE (outcome <> 'success'::text);

CREATE INDEX audit_pii_search ON ONLY public.audit_pii USING gin (search gin_trgm_ops) WHERE (search IS NOT NULL);

CREATE INDEX audit_signatures_open ON public.audit_signatures USING btree (requested_at) WHERE (signed_at IS NULL);

CREATE INDEX connector_line_order ON public.connector_line USING btree (connector, path, place);

CREATE INDEX connector_slots_free ON public.connector_slots USING btree (connector, path, free_at);

CREATE INDEX events_order ON public.events USING btree (xid, seq);

CREATE INDEX idempotency_keys_expiry ON public.idempotency_keys USING btree (expires_at);

CREATE INDEX invite_tokens_invite ON public.invite_tokens USING btree (invite_id);

CREATE UNIQUE INDEX invites_bulk ON public.invites USING btree (bulk_id, bulk_row) WHERE (bulk_id IS NOT NULL);

CREATE INDEX invites_expiry ON public.invites USING btree (expires_at) WHERE (status = 'invited'::text);

CREATE INDEX invites_list ON public.invites USING btree (created_at DESC, id DESC);

CREATE UNIQUE INDEX invites_live ON public.invites USING btree (tenant_id, email) WHERE (status = 'invited'::text);

CREATE INDEX login_links_user ON public.login_links USING btree (user_id);

CREATE INDEX mails_failed ON public.mails USING btree (status, created_at) WHERE (status = ANY (ARRAY['bounced'::text, 'uncertain'::text]));

CREATE INDEX mails_invite ON public.mails USING btree (invite_id, created_at);

CREATE INDEX mails_open ON public.mails USING btree (due_at) WHERE (status = ANY (ARRAY['due'::text, 'sending'::text]));

CREATE INDEX memberships_of_tenant ON public.memberships USING btree (tenant_id) WHERE (withdrawn_at IS NULL);

CREATE UNIQUE INDEX memberships_partner ON public.memberships USING btree (user_id, partner_id) WHERE ((scope = 'partner'::text) AND (withdrawn_at IS NULL));

CREATE UNIQUE INDEX memberships_platform ON public.memberships USING btree (user_id, role, origin) WHERE ((scope = 'platform'::text) AND (withdrawn_at IS NULL));

CREATE UNIQUE INDEX memberships_tenant ON public.memberships USING btree (user_id, tenant_id) WHERE ((scope = 'tenant'::text) AND (withdrawn_at IS NULL));

CREATE INDEX onboarding_events_request ON public.onboarding_events USING btree (request_id) WHERE (request_id IS NOT NULL);

CREATE INDEX onboardings_driven ON public.onboardings USING btree (driven_at) WHERE (state <> ALL (ARRAY['active'::text, 'revoked'::text, 'declined'::text, 'rolled_back'::text, 'cancelled'::text, 'expired'::text]));

CREATE INDEX onboardings_list ON public.onboardings USING btree (created_at DESC, id DESC);

CREATE UNIQUE INDEX onboardings_open_provision ON public.onboardings USING btree (tenant_id) WHERE ((kind = 'provision'::text) AND (state <> ALL (ARRAY['active'::text, 'rolled_back'::text, 'cancelled'::text])));

CREATE INDEX onboardings_parked ON public.onboardings USING btree (parked_at) WHERE (state = 'failed'::text);

CREATE INDEX onboardings_tenant ON public.onboardings USING btree (tenant_id, created_at DESC);

CREATE INDEX onboardings_user ON public.onboardings USING btree (user_id, accepted_at) WHERE (user_id IS NOT NULL);

CREATE INDEX orders_queued ON public.orders USING btree (onboarding_id) WHERE (status = 'queued'::text);

CREATE INDEX outbox_delivered ON public.outbox USING btree (delivered_at) WHERE (delivered_at IS NOT NULL);

CREATE INDEX outbox_due ON public.outbox USING btree (available_at) WHERE ((delivered_at IS NULL) AND (dead_at IS NULL));

CREATE INDEX outbox_open ON public.outbox USING btree (aggregate, n) WHERE ((delivered_at IS NULL) AND (dead_at IS NULL));

CREATE INDEX rate_limits_expire ON public.rate_limits USING btree (expire);

CREATE UNIQUE INDEX resource_repairs_open ON public.resource_repairs USING btree (resource_id) WHERE (state = 'open'::text);

CREATE INDEX resource_repairs_tenant ON public.resource_repairs USING btree (tenant_id, created_at);

CREATE INDEX secret_accesses_secret ON public.secret_accesses USING btree (secret_id, at);

CREATE INDEX secrets_kid ON public.secrets USING btree (kid);

CREATE INDEX secrets_owner ON public.secrets USING btree (owner_table, owner_id);

CREATE INDEX sessions_user ON public.sessions USING btree (user_id) WHERE (ended_at IS NULL);

CREATE INDEX step_attempts_open ON public.step_attempts USING btree (onboarding_id, key) WHERE (ended_at IS NULL);

CREATE INDEX step_attempts_request ON public.step_attempts USING btree (request_id) WHERE (request_id IS NOT NULL);

CREATE INDEX tenant_resources_check ON public.tenant_resources USING btree (checked_at NULLS FIRST) WHERE (status = ANY (ARRAY['ready'::text, 'error'::text]));

CREATE UNIQUE INDEX tenant_resources_current ON public.tenant_resources USING btree (tenant_id, connector) WHERE (status <> 'left'::text);

CREATE INDEX tenants_partner ON public.tenants USING btree (partner_id) WHERE (partner_id IS NOT NULL);

CREATE INDEX tenants_status ON public.tenants USING btree (status, id);

CREATE UNIQUE INDEX token_rotations_open ON public.token_rotations USING btree (tenant_id) WHERE (state <> ALL (ARRAY['done'::text, 'failed'::text]));

CREATE INDEX user_identities_user ON public.user_identities USING btree (user_id);

-- Functions

CREATE OR REPLACE FUNCTION public.audit_carry(e audit_entries)
 RETURNS void
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public'
AS $function$
    declare
      moment text := to_json(to_char(e.at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'))::text;
      actor text := audit_subject(e.tenant_id, e.actor_type, e.actor_id);
      everybody text[];
      target_ids text[];
      targets text;
      metadata text;
      core text;
      parts text[] := '{}';
      part_subjects text[] := '{}';
      part_salts bytea[] := '{}';
      part_bodies text[] := '{}';
      part_searches text[] := '{}';
      commitments text := '';
      piece record;
      salt bytea;
    begin
      select coalesce(array_agg(t ->> 'id' order by n), '{}'),
        coalesce(string_agg('{"id":' || (t -> 'id')::text || ',"type":' || (t -> 'type')::text || '}', ',' order by n), ''),
        array_remove(array_agg(distinct audit_subject(e.tenant_id, t ->> 'type', t ->> 'id')) || actor, null)
        into target_ids, targets, everybody
        from jsonb_array_elements(e.targets) with ordinality as u(t, n);
      everybody := coalesce((select array_agg(distinct s) from unnest(everybody || actor) as s where s is not null), '{}');
      select string_agg(to_json(key)::text || ':' || value::text, ',' order by key collate "C")
        into metadata from jsonb_each(e.metadata);

      for piece in
        select p.part, p.body, p.search, p.subjects from (
          select 1 as place, 0::bigint as n, 'context' as part,
            nullif('{' || concat_ws(',',
              '"client_request_id":' || to_json(e.client_request_id)::text,
              '"ip":' || to_json(host(e.source_ip))::text,
              '"ua":' || to_json(e.user_agent)::text) || '}', '{}') as body,
            null as search, case when actor is null then everybody else array[actor] end as subjects
          union all
          select 2, n, 'targets.' || (n - 1), '{"name":' || (t -> 'name')::text || '}', lower(t ->> 'name'),
            array_remove(array[audit_subject(e.tenant_id, t ->> 'type', t ->> 'id')], null)
          from jsonb_array_elements(e.targets) with ordinality as u(t, n) where t -> 'name' is not null
          union all
          select 3, 0, 'free', '{"description":' || to_json(e.description)::text || '}', lower(e.description), everybody
        ) as p where p.body is not null order by p.place, p.n
      loop
        salt := decode(replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', ''), 'hex');
        parts := parts || piece.part;
        part_subjects := part_subjects || array_to_string(piece.subjects, E'\n');
        part_salts := part_salts || salt;
        part_bodies := part_bodies || piece.body;
        part_searches := part_searches || piece.search;
        commitments := commitments || case when commitments = '' then '' else ',' end || '{"c":"' || encode(
          audit_hmac(salt, E'usher/audit/pii/v1\n' || e.id || E'\n' || piece.part || E'\n' || piece.body), 'hex')
          || '","part":"' || piece.part || '"}';
      end loop;

      core := '{"action":' || to_json(e.action)::text
        || ',"actor":{"id":' || to_json(e.actor_id)::text || ',"type":' || to_json(e.actor_type)::text || '}'
        || ',"at":' || moment || ',"component":' || to_json(e.component)::text || ',"crud":' || to_json(e.crud)::text
        || ',"id":"' || e.id || '"' || coalesce(',"metadata":{' || metadata || '}', '')
        || ',"outcome":' || to_json(e.outcome)::text || coalesce(',"partner_id":"' || e.partner_id || '"', '')
        || ',"pii":[' || commitments || '],"received_at":' || moment
        || coalesce(',"request_id":' || to_json(e.request_id)::text, '') || ',"targets":[' || targets || ']'
        || coalesce(',"tenant_id":"' || e.tenant_id || '"', '') || ',"via":"usher"}';
      insert into audit_pending (id, kind, tenant_id, partner_id, action, outcome, actor_id, request_id, target_ids,
        subjects, at, core, parts, part_subjects, part_salts, part_bodies, part_searches)
      values (e.id, 'own', e.tenant_id, e.partner_id, e.action, e.outcome, e.actor_id, e.request_id, target_ids,
        everybody, e.at, core, parts, part_subjects, part_salts, part_bodies, part_searches);
    end $function$;

CREATE OR REPLACE FUNCTION public.audit_carry_new()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public'
AS $function$
    begin
      perform audit_carry(new);
      return null;
    end $function$;

CREATE OR REPLACE FUNCTION public.audit_delivered(by_caller text, sources text[], external_ids text[])
 RETURNS TABLE(source text, external_id text, event_id uuid, content_hash bytea, salt bytea, digest bytea)
 LANGUAGE sql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public'
AS $function$select d.source, d.external_id, d.event_id, d.content_hash, d.salt, d.digest
          from unnest(sources, external_ids) as u(source, external_id)
          join public.audit_dedupe as d
            on d.caller = by_caller and d.source = u.source and d.external_id = u.external_id$function$;

CREATE OR REPLACE FUNCTION public.audit_hmac(key bytea, message text)
 RETURNS bytea
 LANGUAGE plpgsql
 IMMUTABLE
 SET search_path TO 'pg_catalog'
AS $function$
    declare
      inner_pad bytea := decode(repeat('36', 64), 'hex');
      outer_pad bytea := decode(repeat('5c', 64), 'hex');
    begin
      for at in 0 .. length(key) - 1 loop
        inner_pad := set_byte(inner_pad, at, get_byte(key, at) # 54);
        outer_pad := set_byte(outer_pad, at, get_byte(key, at) # 92);
      end loop;
      return sha256(outer_pad || sha256(inner_pad || convert_to(message, 'UTF8')));
    end $function$;

CREATE OR REPLACE FUNCTION public.audit_prepare_partitions(up_to bigint)
 RETURNS bigint
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public'
AS $function$
    declare
      last record;
      upper bigint := 1;
      span bigint := 8192;
    begin
      select p.from_seq, p.to_seq, extract(epoch from clock_timestamp() - p.made_at) / 86400 as days
        into last from public.audit_partitions p order by p.from_seq desc limit 1;
      if found then
        upper := last.to_seq;
        while span < 262144 and span < (last.to_seq - last.from_seq) * 7 / greatest(last.days, 0.01) loop
          span := span * 2;
        end loop;
      end if;
      while upper <= up_to loop
        execute format('create table public.%I (like public.audit_log including constraints including storage)',
          'audit_log_' || upper);
        execute format('alter table public.audit_log attach partition public.%I for values from (%s) to (%s)',
          'audit_log_' || upper, upper, upper + span);
        execute format('create table public.%I (like public.audit_pii including constraints including storage)',
          'audit_pii_' || upper);
        execute format('alter table public.audit_pii attach partition public.%I for values from (%s) to (%s)',
          'audit_pii_' || upper, upper, upper + span);
        insert into public.audit_partitions (from_seq, to_seq, made_at) values (upper, upper + span, clock_timestamp());
        upper := upper + span;
      end loop;
      return upper;
    end $function$;

CREATE OR REPLACE FUNCTION public.audit_seq_at(moment timestamp with time zone)
 RETURNS bigint
 LANGUAGE sql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public'
AS $function$
      select coalesce((
        select l.seq from public.audit_log as l where l.sequenced_at <= moment
        order by l.sequenced_at desc, l.seq desc limit 1), 0)
    $function$;

CREATE OR REPLACE FUNCTION public.audit_still_waiting(given bigint[])
 RETURNS bigint[]
 LANGUAGE sql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public'
AS $function$select coalesce(array_agg(e.pid), '{}') from public.audit_pending as e where e.pid = any(given)$function$;

CREATE OR REPLACE FUNCTION public.audit_subject(tenant uuid, of_type text, of_id text)
 RETURNS text
 LANGUAGE sql
 IMMUTABLE
 SET search_path TO 'pg_catalog'
AS $function$
      select case
        when of_id ~ '^(anonymous|system(:|$))' then null
        when of_id ~* '^([a-z_]+:){0,1}[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
          then coalesce(nullif(split_part(of_id, ':', -2), ''), of_type) || ':' || lower(split_part(of_id, ':', -1))
        else coalesce(tenant::text, '-') || '/' || of_type || ':' || of_id end
    $function$;

CREATE OR REPLACE FUNCTION public.audit_waiting(of_tenant uuid, OUT pids bigint[], OUT lag double precision, OUT silent boolean)
 RETURNS record
 LANGUAGE sql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public'
AS $function$
      select coalesce(array_agg(w.pid), '{}'),
        coalesce(extract(epoch from clock_timestamp() - min(w.appended_at)), 0)::double precision,
        (select p.at < clock_timestamp() - interval '1 second' from public.audit_pulse as p)
      from (
        select e.pid, e.appended_at from public.audit_pending as e
        where e.action <> 'audit.read' and (of_tenant is null or e.tenant_id = of_tenant)
          and (current_setting('usher.scope', true) = 'all'
            or e.tenant_id = nullif(current_setting('usher.tenant', true), '')::uuid)
        order by e.pid desc limit 10000
      ) as w
    $function$;

CREATE OR REPLACE FUNCTION public.enqueue_wake(row_id uuid, of_type text, of_workflow text, with_input jsonb, for_request text, by_claimant text)
 RETURNS boolean
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'public'
AS $function$
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
    end $function$;

CREATE OR REPLACE FUNCTION public.find_invite_by_token(hash bytea)
 RETURNS TABLE(tenant_id uuid, invite_id uuid, invite_token_id uuid)
 LANGUAGE sql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public'
AS $function$select t.tenant_id, t.invite_id, t.id from public.invite_tokens t where t.token_hash = hash$function$;

CREATE OR REPLACE FUNCTION public.find_memberships(who uuid)
 RETURNS TABLE(id uuid, scope text, tenant_id uuid, tenant_slug text, tenant_status text, partner_id uuid, role text, origin text)
 LANGUAGE sql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public'
AS $function$select m.id, m.scope, m.tenant_id, t.slug, t.status, m.partner_id, m.role, m.origin
          from public.memberships m left join public.tenants t on t.id = m.tenant_id
          where m.user_id = who and m.withdrawn_at is null$function$;

-- Triggers

CREATE TRIGGER carry BEFORE INSERT ON public.audit_entries FOR EACH ROW EXECUTE FUNCTION audit_carry_new();

-- Policies

create policy app on audit_entries as permissive for all to usher_app using (((current_setting('usher.scope'::text, true) = 'all'::text) OR (tenant_id = (NULLIF(current_setting('usher.tenant'::text, true), ''::text))::uuid) OR ((current_setting('usher.scope'::text, true) = 'partner'::text) AND (tenant_id IN ( SELECT tenants.id
   FROM tenants
  WHERE (tenants.partner_id = (NULLIF(current_setting('usher.partner'::text, true), ''::text))::uuid)))))) with check (((current_setting('usher.scope'::text, true) = 'all'::text) OR (tenant_id = (NULLIF(current_setting('usher.tenant'::text, true), ''::text))::uuid)));

create policy owner on audit_entries as permissive for all to usher_owner using (true) with check (true);

create policy app on audit_log as permissive for select to usher_app using (((current_setting('usher.scope'::text, true) = 'all'::text) OR (tenant_id = (NULLIF(current_setting('usher.tenant'::text, true), ''::text))::uuid) OR ((current_setting('usher.scope'::text, true) = 'partner'::text) AND (tenant_id IN ( SELECT tenants.id
   FROM tenants
  WHERE (tenants.partner_id = (NULLIF(current_setting('usher.partner'::text, true), ''::text))::uuid))))));

create policy owner on audit_log as permissive for all to usher_owner using (true) with check (true);

create policy sequencer on audit_log as permissive for all to usher_sequencer using (true) with check (true);

create policy app on audit_pending as permissive for insert to usher_app with check ((((current_setting('usher.scope'::text, true) = 'all'::text) OR (tenant_id = (NULLIF(current_setting('usher.tenant'::text, true), ''::text))::uuid)) AND (kind = ANY (ARRAY['own'::text, 'foreign'::text]))));

create policy owner on audit_pending as permissive for all to usher_owner using (true) with check (true);

create policy sequencer_moves on audit_pending as permissive for delete to usher_sequencer using (true);

create policy sequencer_takes on audit_pending as permissive for select to usher_sequencer using (true);

create policy sequencer_tells on audit_pending as permissive for insert to usher_sequencer with check ((kind = 'control'::text));

create policy app on audit_pii as permissive for select to usher_app using (((current_setting('usher.scope'::text, true) = 'all'::text) OR (tenant_id = (NULLIF(current_setting('usher.tenant'::text, true), ''::text))::uuid) OR ((current_setting('usher.scope'::text, true) = 'partner'::text) AND (tenant_id IN ( SELECT tenants.id
   FROM tenants
  WHERE (tenants.partner_id = (NULLIF(current_setting('usher.partner'::text, true), ''::text))::uuid))))));

create policy owner on audit_pii as permissive for all to usher_owner using (true) with check (true);

create policy sequencer on audit_pii as permissive for all to usher_sequencer using (true) with check (true);

create policy app on audit_signatures as permissive for all to usher_app using (((current_setting('usher.scope'::text, true) = 'all'::text) OR (tenant_id = (NULLIF(current_setting('usher.tenant'::text, true), ''::text))::uuid))) with check (((current_setting('usher.scope'::text, true) = 'all'::text) OR (tenant_id = (NULLIF(current_setting('usher.tenant'::text, true), ''::text))::uuid)));

create policy owner on audit_signatures as permissive for all to usher_owner using (true) with check (true);

create policy sequencer on audit_signatures as permissive for all to usher_sequencer using (true) with check (true);

create policy app on audit_tenant_heads as permissive for select to usher_app using (((current_setting('usher.scope'::text, true) = 'all'::text) OR (tenant_id = (NULLIF(current_setting('usher.tenant'::text, true), ''::text))::uuid) OR ((current_setting('usher.scope'::text, true) = 'partner'::text) AND (tenant_id IN ( SELECT tenants.id
   FROM tenants
  WHERE (tenants.partner_id = (NULLIF(current_setting('usher.partner'::text, true), ''::text))::uuid))))));

create policy owner on audit_tenant_heads as permissive for all to usher_owner using (true) with check (true);

create policy sequencer on audit_tenant_heads as permissive for all to usher_sequencer using (true) with check (true);

create policy app on invite_tokens as permissive for all to usher_app using (((current_setting('usher.scope'::text, true) = 'all'::text) OR (tenant_id = (NULLIF(current_setting('usher.tenant'::text, true), ''::text))::uuid) OR ((current_setting('usher.scope'::text, true) = 'partner'::text) AND (tenant_id IN ( SELECT tenants.id
   FROM tenants
  WHERE (tenants.partner_id = (NULLIF(current_setting('usher.partner'::text, true), ''::text))::uuid)))))) with check (((current_setting('usher.scope'::text, true) = 'all'::text) OR (tenant_id = (NULLIF(current_setting('usher.tenant'::text, true), ''::text))::uuid)));

create policy owner on invite_tokens as permissive for all to usher_owner using (true) with check (true);

create policy app on invites as permissive for all to usher_app using (((current_setting('usher.scope'::text, true) = 'all'::text) OR (tenant_id = (NULLIF(current_setting('usher.tenant'::text, true), ''::text))::uuid) OR ((current_setting('usher.scope'::text, true) = 'partner'::text) AND (tenant_id IN ( SELECT tenants.id
   FROM tenants
  WHERE (tenants.partner_id = (NULLIF(current_setting('usher.partner'::text, true), ''::text))::uuid)))))) with check (((current_setting('usher.scope'::text, true) = 'all'::text) OR (tenant_id = (NULLIF(current_setting('usher.tenant'::text, true), ''::text))::uuid)));

create policy owner on invites as permissive for all to usher_owner using (true) with check (true);

create policy app on mails as permissive for all to usher_app using (((current_setting('usher.scope'::text, true) = 'all'::text) OR (tenant_id = (NULLIF(current_setting('usher.tenant'::text, true), ''::text))::uuid) OR ((current_setting('usher.scope'::text, true) = 'partner'::text) AND (tenant_id IN ( SELECT tenants.id
   FROM tenants
  WHERE (tenants.partner_id = (NULLIF(current_setting('usher.partner'::text, true), ''::text))::uuid)))))) with check (((current_setting('usher.scope'::text, true) = 'all'::text) OR (tenant_id = (NULLIF(current_setting('usher.tenant'::text, true), ''::text))::uuid)));

create policy owner on mails as permissive for all to usher_owner using (true) with check (true);

create policy app on memberships as permissive for all to usher_app using (((current_setting('usher.scope'::text, true) = 'all'::text) OR (tenant_id = (NULLIF(current_setting('usher.tenant'::text, true), ''::text))::uuid) OR ((current_setting('usher.scope'::text, true) = 'partner'::text) AND (tenant_id IN ( SELECT tenants.id
   FROM tenants
  WHERE (tenants.partner_id = (NULLIF(current_setting('usher.partner'::text, true), ''::text))::uuid)))))) with check (((current_setting('usher.scope'::text, true) = 'all'::text) OR (tenant_id = (NULLIF(current_setting('usher.tenant'::text, true), ''::text))::uuid)));

create policy owner on memberships as permissive for all to usher_owner using (true) with check (true);

create policy app on onboarding_events as permissive for all to usher_app using (((current_setting('usher.scope'::text, true) = 'all'::text) OR (tenant_id = (NULLIF(current_setting('usher.tenant'::text, true), ''::text))::uuid) OR ((current_setting('usher.scope'::text, true) = 'partner'::text) AND (tenant_id IN ( SELECT tenants.id
   FROM tenants
  WHERE (tenants.partner_id = (NULLIF(current_setting('usher.partner'::text, true), ''::text))::uuid)))))) with check (((current_setting('usher.scope'::text, true) = 'all'::text) OR (tenant_id = (NULLIF(current_setting('usher.tenant'::text, true), ''::text))::uuid)));

create policy owner on onboarding_events as permissive for all to usher_owner using (true) with check (true);

create policy app on onboarding_inputs as permissive for all to usher_app using (((current_setting('usher.scope'::text, true) = 'all'::text) OR (tenant_id = (NULLIF(current_setting('usher.tenant'::text, true), ''::text))::uuid) OR ((current_setting('usher.scope'::text, true) = 'partner'::text) AND (tenant_id IN ( SELECT tenants.id
   FROM tenants
  WHERE (tenants.partner_id = (NULLIF(current_setting('usher.partner'::text, true), ''::text))::uuid)))))) with check (((current_setting('usher.scope'::text, true) = 'all'::text) OR (tenant_id = (NULLIF(current_setting('usher.tenant'::text, true), ''::text))::uuid)));

create policy owner on onboarding_inputs as permissive for all to usher_owner using (true) with check (true);

create policy app on onboarding_steps as permissive for all to usher_app using (((current_setting('usher.scope'::text, true) = 'all'::text) OR (tenant_id = (NULLIF(current_setting('usher.tenant'::text, true), ''::text))::uuid) OR ((current_setting('usher.scope'::text, true) = 'partner'::text) AND (tenant_id IN ( SELECT tenants.id
   FROM tenants
  WHERE (tenants.partner_id = (NULLIF(current_setting('usher.partner'::text, true), ''::text))::uuid)))))) with check (((current_setting('usher.scope'::text, true) = 'all'::text) OR (tenant_id = (NULLIF(current_setting('usher.tenant'::text, true), ''::text))::uuid)));

create policy owner on onboarding_steps as permissive for all to usher_owner using (true) with check (true);

create policy app on onboardings as permissive for all to usher_app using (((current_setting('usher.scope'::text, true) = 'all'::text) OR (tenant_id = (NULLIF(current_setting('usher.tenant'::text, true), ''::text))::uuid) OR ((current_setting('usher.scope'::text, true) = 'partner'::text) AND (tenant_id IN ( SELECT tenants.id
   FROM tenants
  WHERE (tenants.partner_id = (NULLIF(current_setting('usher.partner'::text, true), ''::text))::uuid)))))) with check (((current_setting('usher.scope'::text, true) = 'all'::text) OR (tenant_id = (NULLIF(current_setting('usher.tenant'::text, true), ''::text))::uuid)));

create policy owner on onboardings as permissive for all to usher_owner using (true) with check (true);

create policy app on orders as permissive for all to usher_app using (((current_setting('usher.scope'::text, true) = 'all'::text) OR (tenant_id = (NULLIF(current_setting('usher.tenant'::text, true), ''::text))::uuid) OR ((current_setting('usher.scope'::text, true) = 'partner'::text) AND (tenant_id IN ( SELECT tenants.id
   FROM tenants
  WHERE (tenants.partner_id = (NULLIF(current_setting('usher.partner'::text, true), ''::text))::uuid)))))) with check (((current_setting('usher.scope'::text, true) = 'all'::text) OR (tenant_id = (NULLIF(current_setting('usher.tenant'::text, true), ''::text))::uuid)));

create policy owner on orders as permissive for all to usher_owner using (true) with check (true);

create policy app on resource_repairs as permissive for all to usher_app using (((current_setting('usher.scope'::text, true) = 'all'::text) OR (tenant_id = (NULLIF(current_setting('usher.tenant'::text, true), ''::text))::uuid))) with check (((current_setting('usher.scope'::text, true) = 'all'::text) OR (tenant_id = (NULLIF(current_setting('usher.tenant'::text, true), ''::text))::uuid)));

create policy owner on resource_repairs as permissive for all to usher_owner using (true) with check (true);

create policy app on secret_accesses as permissive for all to usher_app using (((current_setting('usher.scope'::text, true) = 'all'::text) OR (tenant_id = (NULLIF(current_setting('usher.tenant'::text, true), ''::text))::uuid) OR ((current_setting('usher.scope'::text, true) = 'partner'::text) AND (tenant_id IN ( SELECT tenants.id
   FROM tenants
  WHERE (tenants.partner_id = (NULLIF(current_setting('usher.partner'::text, true), ''::text))::uuid)))))) with check (((current_setting('usher.scope'::text, true) = 'all'::text) OR (tenant_id = (NULLIF(current_setting('usher.tenant'::text, true), ''::text))::uuid)));

create policy owner on secret_accesses as permissive for all to usher_owner using (true) with check (true);

create policy app on secrets as permissive for all to usher_app using (((current_setting('usher.scope'::text, true) = 'all'::text) OR (tenant_id = (NULLIF(current_setting('usher.tenant'::text, true), ''::text))::uuid) OR ((current_setting('usher.scope'::text, true) = 'partner'::text) AND (tenant_id IN ( SELECT tenants.id
   FROM tenants
  WHERE (tenants.partner_id = (NULLIF(current_setting('usher.partner'::text, true), ''::text))::uuid)))))) with check (((current_setting('usher.scope'::text, true) = 'all'::text) OR (tenant_id = (NULLIF(current_setting('usher.tenant'::text, true), ''::text))::uuid)));

create policy owner on secrets as permissive for all to usher_owner using (true) with check (true);

create policy app on step_attempts as permissive for all to usher_app using (((current_setting('usher.scope'::text, true) = 'all'::text) OR (tenant_id = (NULLIF(current_setting('usher.tenant'::text, true), ''::text))::uuid) OR ((current_setting('usher.scope'::text, true) = 'partner'::text) AND (tenant_id IN ( SELECT tenants.id
   FROM tenants
  WHERE (tenants.partner_id = (NULLIF(current_setting('usher.partner'::text, true), ''::text))::uuid)))))) with check (((current_setting('usher.scope'::text, true) = 'all'::text) OR (tenant_id = (NULLIF(current_setting('usher.tenant'::text, true), ''::text))::uuid)));

create policy owner on step_attempts as permissive for all to usher_owner using (true) with check (true);

create policy app on tenant_resources as permissive for all to usher_app using (((current_setting('usher.scope'::text, true) = 'all'::text) OR (tenant_id = (NULLIF(current_setting('usher.tenant'::text, true), ''::text))::uuid) OR ((current_setting('usher.scope'::text, true) = 'partner'::text) AND (tenant_id IN ( SELECT tenants.id
   FROM tenants
  WHERE (tenants.partner_id = (NULLIF(current_setting('usher.partner'::text, true), ''::text))::uuid)))))) with check (((current_setting('usher.scope'::text, true) = 'all'::text) OR (tenant_id = (NULLIF(current_setting('usher.tenant'::text, true), ''::text))::uuid)));

create policy owner on tenant_resources as permissive for all to usher_owner using (true) with check (true);

create policy app on tenants as permissive for all to usher_app using (((current_setting('usher.scope'::text, true) = 'all'::text) OR (id = (NULLIF(current_setting('usher.tenant'::text, true), ''::text))::uuid) OR ((current_setting('usher.scope'::text, true) = 'partner'::text) AND (partner_id = (NULLIF(current_setting('usher.partner'::text, true), ''::text))::uuid)))) with check (((current_setting('usher.scope'::text, true) = 'all'::text) OR (id = (NULLIF(current_setting('usher.tenant'::text, true), ''::text))::uuid)));

create policy owner on tenants as permissive for all to usher_owner using (true) with check (true);

create policy app on token_rotations as permissive for all to usher_app using (((current_setting('usher.scope'::text, true) = 'all'::text) OR (tenant_id = (NULLIF(current_setting('usher.tenant'::text, true), ''::text))::uuid) OR ((current_setting('usher.scope'::text, true) = 'partner'::text) AND (tenant_id IN ( SELECT tenants.id
   FROM tenants
  WHERE (tenants.partner_id = (NULLIF(current_setting('usher.partner'::text, true), ''::text))::uuid)))))) with check (((current_setting('usher.scope'::text, true) = 'all'::text) OR (tenant_id = (NULLIF(current_setting('usher.tenant'::text, true), ''::text))::uuid)));

create policy owner on token_rotations as permissive for all to usher_owner using (true) with check (true);

create policy app on user_workspaces as permissive for all to usher_app using (((current_setting('usher.scope'::text, true) = 'all'::text) OR (tenant_id = (NULLIF(current_setting('usher.tenant'::text, true), ''::text))::uuid) OR ((current_setting('usher.scope'::text, true) = 'partner'::text) AND (tenant_id IN ( SELECT tenants.id
   FROM tenants
  WHERE (tenants.partner_id = (NULLIF(current_setting('usher.partner'::text, true), ''::text))::uuid)))))) with check (((current_setting('usher.scope'::text, true) = 'all'::text) OR (tenant_id = (NULLIF(current_setting('usher.tenant'::text, true), ''::text))::uuid)));

create policy owner on user_workspaces as permissive for all to usher_owner using (true) with check (true);

-- Grants

grant update on column audit_checkpoints.published_at to usher_sequencer;

grant update on column audit_keys.endorsement to usher_sequencer;

grant update on column audit_keys.since_size to usher_sequencer;

grant update on column audit_keys.until_size to usher_sequencer;

grant update on column audit_signatures.note to usher_sequencer;

grant update on column audit_signatures.signed_at to usher_sequencer;

grant execute on function audit_delivered(text,text[],text[]) to usher_app;

grant execute on function audit_hmac(bytea,text) to public;

grant execute on function audit_prepare_partitions(bigint) to usher_sequencer;

grant execute on function audit_seq_at(timestamp with time zone) to usher_app;

grant execute on function audit_still_waiting(bigint[]) to usher_app;

grant execute on function audit_subject(uuid,text,text) to public;

grant execute on function audit_waiting(uuid) to usher_app;

grant execute on function enqueue_wake(uuid,text,text,jsonb,text,text) to public;

grant execute on function find_invite_by_token(bytea) to usher_app;

grant execute on function find_memberships(uuid) to usher_app;

grant usage on schema public to public;

grant usage on schema public to usher_app;

grant usage on schema public to usher_sequencer;

grant usage on sequence audit_entries_seq_seq to usher_app;

grant usage on sequence connector_line_place_seq to usher_app;

grant usage on sequence events_seq_seq to usher_app;

grant usage on sequence onboarding_events_id_seq to usher_app;

grant select on table audit_actions to usher_app;

grant insert, select on table audit_actions to usher_sequencer;

grant select on table audit_checkpoints to usher_app;

grant insert, select on table audit_checkpoints to usher_sequencer;

grant insert on table audit_dedupe to usher_app;

grant insert, select on table audit_entries to usher_app;

grant select on table audit_head to usher_app;

grant select, update on table audit_head to usher_sequencer;

grant select on table audit_keys to usher_app;

grant insert, select on table audit_keys to usher_sequencer;

grant select on table audit_log to usher_app;

grant insert, select on table audit_log to usher_sequencer;

grant select on table audit_partitions to usher_app;

grant select on table audit_partitions to usher_sequencer;

grant insert on table audit_pending to usher_app;

grant delete, insert, select on table audit_pending to usher_sequencer;

grant select on table audit_pii to usher_app;

grant insert, select on table audit_pii to usher_sequencer;

grant select on table audit_pulse to usher_app;

grant select, update on table audit_pulse to usher_sequencer;

grant insert, select on table audit_signatures to usher_app;

grant delete, select on table audit_signatures to usher_sequencer;

grant select on table audit_tenant_heads to usher_app;

grant insert, select, update on table audit_tenant_heads to usher_sequencer;

grant select on table audit_tiles to usher_app;

grant insert, select, update on table audit_tiles to usher_sequencer;

grant delete, insert, select, update on table connector_line to usher_app;

grant delete, insert, select, update on table connector_paths to usher_app;

grant delete, insert, select, update on table connector_slots to usher_app;

grant delete, insert, select, update on table events to usher_app;

grant delete, insert, select, update on table idempotency_keys to usher_app;

grant delete, insert, select, update on table incidents to usher_app;

grant delete, insert, select, update on table invite_tokens to usher_app;

grant delete, insert, select, update on table invites to usher_app;

grant delete, insert, select, update on table login_links to usher_app;

grant delete, insert, select, update on table mails to usher_app;

grant delete, insert, select, update on table memberships to usher_app;

grant delete, insert, select, update on table oidc_flows to usher_app;

grant insert, select on table onboarding_events to usher_app;

grant delete, insert, select, update on table onboarding_inputs to usher_app;

grant delete, insert, select, update on table onboarding_steps to usher_app;

grant delete, insert, select, update on table onboardings to usher_app;

grant delete, insert, select, update on table orders to usher_app;

grant delete, insert, select, update on table outbox to usher_app;

grant delete, insert, select, update on table outbox_aggregates to usher_app;

grant delete, insert, select, update on table partners to usher_app;

grant delete, insert, select, update on table rate_limits to usher_app;

grant delete, insert, select, update on table resource_repairs to usher_app;

grant delete, insert, select, update on table rollout to usher_app;

grant insert, select on table rollout_changes to usher_app;

grant insert, select on table secret_accesses to usher_app;

grant delete, insert, select, update on table secrets to usher_app;

grant delete, insert, select, update on table service_accounts to usher_app;

grant delete, insert, select, update on table sessions to usher_app;

grant delete, insert, select, update on table step_attempts to usher_app;

grant delete, insert, select, update on table system_state to usher_app;

grant delete, insert, select, update on table tenant_resources to usher_app;

grant delete, insert, select, update on table tenants to usher_app;

grant delete, insert, select, update on table token_rotations to usher_app;

grant delete, insert, select, update on table user_identities to usher_app;

grant delete, insert, select, update on table user_workspaces to usher_app;

grant delete, insert, select, update on table users to usher_app;
