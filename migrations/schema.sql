-- The schema after all migrations. Made by: npm run schema:dump

-- Extensions

create extension citext;

create extension pg_trgm;

-- Tables

create table api_key_foreign_hashes (
  key_id uuid not null,
  tenant_id uuid not null,
  prefix text not null,
  salt bytea not null,
  hash bytea not null,
  created_at timestamp with time zone default now() not null,
  constraint api_key_foreign_hashes_hash_check CHECK ((length(hash) = 32)),
  constraint api_key_foreign_hashes_key_id_fkey FOREIGN KEY (key_id) REFERENCES api_keys(id) ON DELETE CASCADE,
  constraint api_key_foreign_hashes_pkey PRIMARY KEY (key_id)
);
alter table api_key_foreign_hashes enable row level security, force row level security;

create table api_key_usage (
  key_id uuid not null,
  tenant_id uuid not null,
  requests bigint default 0 not null,
  last_used_at timestamp with time zone,
  last_ip inet,
  cost bigint default 0 not null,
  window_start timestamp with time zone,
  window_cost bigint default 0 not null,
  day date,
  day_requests bigint default 0 not null,
  day_cost bigint default 0 not null,
  window_seconds integer,
  constraint api_key_usage_key_id_fkey FOREIGN KEY (key_id) REFERENCES api_keys(id) ON DELETE CASCADE,
  constraint api_key_usage_pkey PRIMARY KEY (key_id)
);
alter table api_key_usage enable row level security, force row level security;

create table api_key_usage_days (
  key_id uuid not null,
  day date not null,
  code text not null,
  tenant_id uuid not null,
  requests bigint not null,
  cost bigint default 0 not null,
  constraint api_key_usage_days_key_id_fkey FOREIGN KEY (key_id) REFERENCES api_keys(id) ON DELETE CASCADE,
  constraint api_key_usage_days_pkey PRIMARY KEY (key_id, day, code)
);
alter table api_key_usage_days enable row level security, force row level security;

create table api_keys (
  id uuid not null,
  tenant_id uuid not null,
  name text not null,
  prefix text not null,
  digest bytea,
  pepper_id text,
  environment text not null,
  scopes text[] default '{}'::text[] not null,
  role text,
  product text,
  allowed_cidrs cidr[] default '{}'::cidr[] not null,
  rate_limit integer,
  rate_window_seconds integer,
  usage_limit bigint,
  usage_limit_strict boolean default false not null,
  expires_at timestamp with time zone,
  ends_at timestamp with time zone,
  rotation_family_id uuid not null,
  first_used_at timestamp with time zone,
  revoked_at timestamp with time zone,
  revoked_by text,
  revoked_reason text,
  blocked_at timestamp with time zone,
  blocked_by text,
  blocked_reason text,
  created_by text not null,
  created_by_admin boolean default false not null,
  imported boolean default false not null,
  version integer default 1 not null,
  created_at timestamp with time zone default now() not null,
  updated_at timestamp with time zone default now() not null,
  facts text generated always as (api_key_facts(id, tenant_id, environment, scopes, role, product, allowed_cidrs, rate_limit, rate_window_seconds, usage_limit, usage_limit_strict, expires_at, rotation_family_id, pepper_id)) stored,
  blocked_by_staff boolean default false not null,
  expiry_told_at timestamp with time zone,
  constraint api_keys_check CHECK (((digest IS NULL) = (pepper_id IS NULL))),
  constraint api_keys_check1 CHECK (((rate_limit IS NULL) = (rate_window_seconds IS NULL))),
  constraint api_keys_digest_check CHECK ((length(digest) = 32)),
  constraint api_keys_digest_key UNIQUE (digest),
  constraint api_keys_environment_check CHECK ((environment = ANY (ARRAY['live'::text, 'test'::text]))),
  constraint api_keys_pkey PRIMARY KEY (id),
  constraint api_keys_rate_limit_check CHECK ((rate_limit > 0)),
  constraint api_keys_rate_window_seconds_check CHECK (((rate_window_seconds >= 1) AND (rate_window_seconds <= 86400))),
  constraint api_keys_role_check CHECK ((role = ANY (ARRAY['owner'::text, 'admin'::text, 'client'::text]))),
  constraint api_keys_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants(id),
  constraint api_keys_usage_limit_check CHECK ((usage_limit >= 0))
);
alter table api_keys enable row level security, force row level security;

create table audit_actions (
  action text not null,
  constraint audit_actions_pkey PRIMARY KEY (action)
);

create table audit_archive_runs (
  id uuid not null,
  requested_by text not null,
  requested_at timestamp with time zone default clock_timestamp() not null,
  planned integer,
  problem text,
  done_at timestamp with time zone,
  constraint audit_archive_runs_pkey PRIMARY KEY (id)
);

create table audit_batches (
  id uuid not null,
  n bigint not null,
  origin text not null,
  from_seq bigint not null,
  to_seq bigint not null,
  state text default 'planned'::text not null,
  requested_by text not null,
  planned_at timestamp with time zone default clock_timestamp() not null,
  attempt integer default 1 not null,
  locked_until timestamp with time zone,
  leaves_key text,
  leaves_sha256 bytea,
  leaves_bytes bigint,
  personal_key text,
  personal_sha256 bytea,
  personal_bytes bigint,
  manifest text,
  manifest_key text,
  manifest_sha256 bytea,
  replaced_manifests bytea[] default '{}'::bytea[] not null,
  built_at timestamp with time zone,
  stored_at timestamp with time zone,
  confirmed_at timestamp with time zone,
  prune_after timestamp with time zone,
  verified_at timestamp with time zone,
  pruned_at timestamp with time zone,
  pruned_by uuid,
  tries integer default 0 not null,
  not_before timestamp with time zone,
  problem text,
  problem_at timestamp with time zone,
  troubled_at timestamp with time zone,
  driven_at timestamp with time zone default clock_timestamp() not null,
  constraint audit_batches_apart EXCLUDE USING gist (int8range(from_seq, to_seq, '[]'::text) WITH &&),
  constraint audit_batches_attempt_check CHECK ((attempt > 0)),
  constraint audit_batches_check CHECK ((to_seq >= from_seq)),
  constraint audit_batches_check1 CHECK (((state = 'planned'::text) OR ((leaves_sha256 IS NOT NULL) AND (personal_sha256 IS NOT NULL) AND (manifest_sha256 IS NOT NULL)))),
  constraint audit_batches_check2 CHECK (((state = ANY (ARRAY['confirmed'::text, 'pruned'::text])) = ((confirmed_at IS NOT NULL) AND (prune_after IS NOT NULL)))),
  constraint audit_batches_check3 CHECK (((state = 'pruned'::text) = ((pruned_at IS NOT NULL) AND (pruned_by IS NOT NULL)))),
  constraint audit_batches_from_seq_check CHECK ((from_seq > 0)),
  constraint audit_batches_leaves_sha256_check CHECK ((octet_length(leaves_sha256) = 32)),
  constraint audit_batches_manifest_sha256_check CHECK ((octet_length(manifest_sha256) = 32)),
  constraint audit_batches_n_check CHECK ((n > 0)),
  constraint audit_batches_n_key UNIQUE (n),
  constraint audit_batches_personal_sha256_check CHECK ((octet_length(personal_sha256) = 32)),
  constraint audit_batches_pkey PRIMARY KEY (id),
  constraint audit_batches_state_check CHECK ((state = ANY (ARRAY['planned'::text, 'stored'::text, 'confirmed'::text, 'pruned'::text])))
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

create table audit_comparisons (
  one boolean default true not null,
  at timestamp with time zone not null,
  table_oid oid not null,
  constraint audit_comparisons_one_check CHECK (one),
  constraint audit_comparisons_pkey PRIMARY KEY (one)
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

create table audit_erasures (
  id uuid not null,
  subject text not null,
  at timestamp with time zone default clock_timestamp() not null,
  parts bigint not null,
  tombstone_at timestamp with time zone,
  constraint audit_erasures_pkey PRIMARY KEY (id)
);

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

create table audit_legal_holds (
  id uuid not null,
  tenant_id uuid,
  subject text,
  reason text not null,
  placed_by text not null,
  placed_at timestamp with time zone default clock_timestamp() not null,
  lifted_by text,
  lifted_at timestamp with time zone,
  constraint audit_legal_holds_check CHECK (((lifted_by IS NULL) = (lifted_at IS NULL))),
  constraint audit_legal_holds_pkey PRIMARY KEY (id)
);
alter table audit_legal_holds enable row level security, force row level security;

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

create table audit_restored (
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
  restore_id uuid not null,
  constraint audit_log_check CHECK (((tenant_id IS NULL) = (tenant_seq IS NULL))),
  constraint audit_log_hash_check CHECK ((octet_length(hash) = 32)),
  constraint audit_restored_pkey PRIMARY KEY (seq),
  constraint audit_restored_restore_id_fkey FOREIGN KEY (restore_id) REFERENCES audit_restores(id)
);
alter table audit_restored enable row level security, force row level security;

create table audit_restored_pii (
  seq bigint not null,
  part text not null,
  tenant_id uuid,
  event_id uuid not null,
  subjects text[] not null,
  salt bytea not null,
  body text not null,
  search text,
  restore_id uuid not null,
  constraint audit_pii_salt_check CHECK ((octet_length(salt) = 32)),
  constraint audit_restored_pii_pkey PRIMARY KEY (seq, part),
  constraint audit_restored_pii_restore_id_fkey FOREIGN KEY (restore_id) REFERENCES audit_restores(id)
);
alter table audit_restored_pii enable row level security, force row level security;

create table audit_restores (
  id uuid not null,
  batch_id uuid not null,
  requested_by text not null,
  requested_at timestamp with time zone default clock_timestamp() not null,
  state text default 'requested'::text not null,
  entries bigint,
  erased bigint,
  problem text,
  restored_at timestamp with time zone,
  expires_at timestamp with time zone,
  ended_at timestamp with time zone,
  tries integer default 0 not null,
  not_before timestamp with time zone,
  driven_at timestamp with time zone default clock_timestamp() not null,
  constraint audit_restores_batch_id_fkey FOREIGN KEY (batch_id) REFERENCES audit_batches(id),
  constraint audit_restores_pkey PRIMARY KEY (id),
  constraint audit_restores_state_check CHECK ((state = ANY (ARRAY['requested'::text, 'restored'::text, 'refused'::text, 'ended'::text])))
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

create table audit_subject_keys (
  id uuid not null,
  subject text not null,
  salt bytea not null,
  created_at timestamp with time zone default clock_timestamp() not null,
  constraint audit_subject_keys_pkey PRIMARY KEY (id),
  constraint audit_subject_keys_salt_check CHECK ((octet_length(salt) = 32)),
  constraint audit_subject_keys_subject_key UNIQUE (subject)
);

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

create table current_pepper (
  id boolean default true not null,
  pepper_id text not null,
  promoted_by text not null,
  promoted_at timestamp with time zone default now() not null,
  constraint current_pepper_id_check CHECK (id),
  constraint current_pepper_pkey PRIMARY KEY (id)
);

create table entitlements (
  tenant_id uuid not null,
  product text not null,
  status text not null,
  limits jsonb default '{}'::jsonb not null,
  expires_at timestamp with time zone,
  source text not null,
  version integer default 1 not null,
  created_at timestamp with time zone default now() not null,
  updated_at timestamp with time zone default now() not null,
  constraint entitlements_pkey PRIMARY KEY (tenant_id, product),
  constraint entitlements_product_check CHECK ((product ~ '^[a-z0-9][a-z0-9._-]{0,62}$'::text)),
  constraint entitlements_status_check CHECK ((status = ANY (ARRAY['trial'::text, 'active'::text, 'expired'::text]))),
  constraint entitlements_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants(id)
);
alter table entitlements enable row level security, force row level security;

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

create table key_policies (
  tenant_id uuid not null,
  rotate_after_days integer,
  on_leak text default 'revoke'::text not null,
  leak_grace_seconds integer default 86400 not null,
  updated_by text not null,
  version integer default 1 not null,
  created_at timestamp with time zone default now() not null,
  updated_at timestamp with time zone default now() not null,
  constraint key_policies_leak_grace_seconds_check CHECK (((leak_grace_seconds >= 900) AND (leak_grace_seconds <= 604800))),
  constraint key_policies_on_leak_check CHECK ((on_leak = ANY (ARRAY['revoke'::text, 'grace'::text]))),
  constraint key_policies_pkey PRIMARY KEY (tenant_id),
  constraint key_policies_rotate_after_days_check CHECK (((rotate_after_days >= 1) AND (rotate_after_days <= 3650))),
  constraint key_policies_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants(id)
);
alter table key_policies enable row level security, force row level security;

create table key_rotation_events (
  id bigint generated always as identity not null,
  rotation_id uuid not null,
  tenant_id uuid not null,
  transition_id text not null,
  type text not null,
  from_state text,
  to_state text not null,
  data jsonb default '{}'::jsonb not null,
  actor text not null,
  reason text,
  request_id text,
  at timestamp with time zone default clock_timestamp() not null,
  constraint key_rotation_events_pkey PRIMARY KEY (id),
  constraint key_rotation_events_rotation_id_fkey FOREIGN KEY (rotation_id) REFERENCES key_rotations(id),
  constraint key_rotation_events_rotation_id_transition_id_key UNIQUE (rotation_id, transition_id)
);
alter table key_rotation_events enable row level security, force row level security;

create table key_rotations (
  id uuid not null,
  tenant_id uuid not null,
  family_id uuid not null,
  old_key_id uuid not null,
  new_key_id uuid,
  state text not null,
  reason text not null,
  policy text default 'expire'::text not null,
  overlap_seconds integer default 86400 not null,
  deadline_at timestamp with time zone,
  started_at timestamp with time zone,
  first_used_at timestamp with time zone,
  drained_at timestamp with time zone,
  rollback_until timestamp with time zone,
  extensions integer default 0 not null,
  reminders jsonb default '{}'::jsonb not null,
  requested_by text not null,
  driven_at timestamp with time zone,
  request_id text,
  version integer default 1 not null,
  created_at timestamp with time zone default now() not null,
  updated_at timestamp with time zone default now() not null,
  ended_at timestamp with time zone,
  note text,
  extend_seconds integer default 86400 not null,
  max_extensions integer default 3 not null,
  quiet_seconds integer,
  end_fixed_at timestamp with time zone,
  ends_before timestamp with time zone,
  constraint key_rotations_check CHECK (((state = ANY (ARRAY['requested'::text, 'cancelled'::text])) OR (new_key_id IS NOT NULL))),
  constraint key_rotations_extend_seconds_check CHECK (((extend_seconds >= 3600) AND (extend_seconds <= 604800))),
  constraint key_rotations_max_extensions_check CHECK (((max_extensions >= 1) AND (max_extensions <= 10))),
  constraint key_rotations_new_key_id_fkey FOREIGN KEY (new_key_id) REFERENCES api_keys(id),
  constraint key_rotations_new_key_id_key UNIQUE (new_key_id),
  constraint key_rotations_old_key_id_fkey FOREIGN KEY (old_key_id) REFERENCES api_keys(id),
  constraint key_rotations_overlap_seconds_check CHECK (((overlap_seconds >= 0) AND (overlap_seconds <= 2592000))),
  constraint key_rotations_pkey PRIMARY KEY (id),
  constraint key_rotations_policy_check CHECK ((policy = ANY (ARRAY['expire'::text, 'extend'::text]))),
  constraint key_rotations_quiet_seconds_check CHECK (((quiet_seconds >= 900) AND (quiet_seconds <= 2592000))),
  constraint key_rotations_reason CHECK ((reason = ANY (ARRAY['routine'::text, 'scheduled'::text, 'leaked'::text, 'compromised'::text]))),
  constraint key_rotations_state_check CHECK ((state = ANY (ARRAY['requested'::text, 'pending'::text, 'overlapping'::text, 'draining'::text, 'completed'::text, 'cancelled'::text, 'rolled_back'::text, 'compromised'::text]))),
  constraint key_rotations_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants(id)
);
alter table key_rotations enable row level security, force row level security;

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
  request_id text,
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

create table product_requests (
  id uuid not null,
  tenant_id uuid not null,
  product text not null,
  note text,
  status text default 'open'::text not null,
  requested_by text not null,
  decided_by text,
  decided_reason text,
  created_at timestamp with time zone default now() not null,
  decided_at timestamp with time zone,
  constraint product_requests_pkey PRIMARY KEY (id),
  constraint product_requests_product_fkey FOREIGN KEY (product) REFERENCES products(product),
  constraint product_requests_status_check CHECK ((status = ANY (ARRAY['open'::text, 'granted'::text, 'declined'::text]))),
  constraint product_requests_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants(id)
);
alter table product_requests enable row level security, force row level security;

create table product_trials (
  id uuid not null,
  tenant_id uuid not null,
  product text not null,
  note text,
  requested_by text not null,
  started_at timestamp with time zone default now() not null,
  extended_at timestamp with time zone,
  warned_for timestamp with time zone,
  ended_at timestamp with time zone,
  end_reason text,
  driven_at timestamp with time zone,
  constraint product_trials_end_reason_check CHECK ((end_reason = ANY (ARRAY['expired'::text, 'granted'::text, 'withdrawn'::text]))),
  constraint product_trials_pkey PRIMARY KEY (id),
  constraint product_trials_product_fkey FOREIGN KEY (product) REFERENCES products(product),
  constraint product_trials_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants(id),
  constraint product_trials_tenant_id_product_key UNIQUE (tenant_id, product)
);
alter table product_trials enable row level security, force row level security;

create table products (
  product text not null,
  name text not null,
  description text default ''::text not null,
  trial_days integer default 14 not null,
  requestable boolean default true not null,
  version integer default 1 not null,
  created_at timestamp with time zone default now() not null,
  updated_at timestamp with time zone default now() not null,
  constraint products_pkey PRIMARY KEY (product),
  constraint products_product_check CHECK ((product ~ '^[a-z0-9][a-z0-9._-]{0,62}$'::text)),
  constraint products_trial_days_check CHECK (((trial_days >= 1) AND (trial_days <= 365)))
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

create table tenant_lifecycles (
  tenant_id uuid not null,
  driven_at timestamp with time zone,
  told_status text,
  trial_warned_for timestamp with time zone,
  export_failures integer default 0 not null,
  export_next_at timestamp with time zone,
  export_problem text,
  exported_at timestamp with time zone,
  export_location text,
  export_bytes bigint,
  export_sha256 text,
  export_rows bigint,
  rows_purged bigint default 0 not null,
  created_at timestamp with time zone default now() not null,
  constraint tenant_lifecycles_pkey PRIMARY KEY (tenant_id),
  constraint tenant_lifecycles_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants(id)
);
alter table tenant_lifecycles enable row level security, force row level security;

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

create table tenant_slugs (
  slug text not null,
  tenant_id uuid not null,
  created_at timestamp with time zone default now() not null,
  constraint tenant_slugs_pkey PRIMARY KEY (slug),
  constraint tenant_slugs_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants(id)
);
alter table tenant_slugs enable row level security, force row level security;

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
  erp_customer_id text,
  stripe_customer_id text,
  contract_start date,
  contract_end date,
  primary_domain text,
  seats integer,
  billing jsonb default '{}'::jsonb not null,
  frozen_at timestamp with time zone,
  frozen_reason text,
  archived_at timestamp with time zone,
  deleted_from text,
  deleted_at timestamp with time zone,
  deleted_by text,
  deleted_reason text,
  purge_at timestamp with time zone,
  purging_at timestamp with time zone,
  purging_by text,
  purging_reason text,
  purged_at timestamp with time zone,
  constraint tenants_bucket_check CHECK (((bucket >= 0) AND (bucket <= 99))),
  constraint tenants_contract CHECK ((contract_end >= contract_start)),
  constraint tenants_frozen_reason_check CHECK ((frozen_reason = ANY (ARRAY['cancelled'::text, 'trial-ended'::text]))),
  constraint tenants_partner_id_fkey FOREIGN KEY (partner_id) REFERENCES partners(id),
  constraint tenants_pkey PRIMARY KEY (id),
  constraint tenants_seats_check CHECK ((seats >= 1)),
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

create table verification_changes (
  xid xid8 default pg_current_xact_id() not null,
  about text not null,
  at timestamp with time zone default now() not null
);

create table verification_flushes (
  instance_id uuid not null,
  sequence bigint not null,
  at timestamp with time zone default now() not null,
  constraint verification_flushes_pkey PRIMARY KEY (instance_id)
);

create table verification_settings (
  id boolean default true not null,
  max_lease_ms integer default 0 not null,
  updated_by text default 'system:migrate'::text not null,
  updated_at timestamp with time zone default now() not null,
  constraint verification_settings_id_check CHECK (id),
  constraint verification_settings_max_lease_ms_check CHECK (((max_lease_ms >= 0) AND (max_lease_ms <= 60000))),
  constraint verification_settings_pkey PRIMARY KEY (id)
);

create table verification_swept (
  id boolean default true not null,
  xid xid8 default '0'::xid8 not null,
  constraint verification_swept_id_check CHECK (id),
  constraint verification_swept_pkey PRIMARY KEY (id)
);

-- Indexes

CREATE INDEX api_key_foreign_hashes_prefix ON public.api_key_foreign_hashes USING btree (prefix);

CREATE INDEX api_keys_age ON public.api_keys USING btree (tenant_id, created_at) WHERE (revoked_at IS NULL);

CREATE INDEX api_keys_expiry ON public.api_keys USING btree (expires_at) WHERE ((expires_at IS NOT NULL) AND (expiry_told_at IS NULL) AND (revoked_at IS NULL));

CREATE INDEX api_keys_family ON public.api_keys USING btree (rotation_family_id);

CREATE INDEX api_keys_pepper ON public.api_keys USING btree (pepper_id) WHERE (revoked_at IS NULL);

CREATE INDEX api_keys_tenant ON public.api_keys USING btree (tenant_id, created_at DESC, id DESC);

CREATE INDEX audit_actions_search ON public.audit_actions USING gin (lower(action) gin_trgm_ops);

CREATE INDEX audit_batches_open ON public.audit_batches USING btree (planned_at) WHERE (state <> 'pruned'::text);

CREATE INDEX audit_checkpoints_size ON public.audit_checkpoints USING btree (size);

CREATE INDEX audit_checkpoints_unpublished ON public.audit_checkpoints USING btree (size) WHERE (published_at IS NULL);

CREATE INDEX audit_dedupe_event ON public.audit_dedupe USING btree (event_id);

CREATE INDEX audit_entries_action ON public.audit_entries USING btree (action, seq);

CREATE INDEX audit_entries_tenant ON public.audit_entries USING btree (tenant_id, seq);

CREATE INDEX audit_erasures_open ON public.audit_erasures USING btree (at) WHERE (tombstone_at IS NULL);

CREATE INDEX audit_log_action ON ONLY public.audit_log USING btree (action, seq);

CREATE INDEX audit_log_actor ON ONLY public.audit_log USING btree (actor_id, seq);

CREATE INDEX audit_log_id ON ONLY public.audit_log USING btree (id);

CREATE INDEX audit_log_late ON ONLY public.audit_log USING btree (seq) WHERE late;

CREATE INDEX audit_log_request ON ONLY public.audit_log USING btree (request_id) WHERE (request_id IS NOT NULL);

CREATE INDEX audit_log_sequenced ON ONLY public.audit_log USING btree (sequenced_at, seq);

CREATE INDEX audit_log_target_1 ON ONLY public.audit_log USING btree ((target_ids[1]), seq);

CREATE INDEX audit_log_target_2 ON ONLY public.audit_log USING btree ((target_ids[2]), seq) WHERE (target_ids[2] IS NOT NULL);

CREATE INDEX audit_log_target_3 ON ONLY public.audit_log USING btree ((target_ids[3]), seq) WHERE (target_ids[3] IS NOT NULL);

CREATE INDEX audit_log_target_more ON ONLY public.audit_log USING btree (seq) WHERE (target_ids[4] IS NOT NULL);

CREATE INDEX audit_log_tenant ON ONLY public.audit_log USING btree (tenant_id, seq);

CREATE INDEX audit_log_trouble ON ONLY public.audit_log USING btree (seq) WHERE (outcome <> 'success'::text);

CREATE INDEX audit_pii_search ON ONLY public.audit_pii USING gin (search gin_trgm_ops) WHERE (search IS NOT NULL);

CREATE INDEX audit_pii_subjects ON ONLY public.audit_pii USING gin (subjects);

CREATE INDEX audit_restored_id ON public.audit_restored USING btree (id);

CREATE INDEX audit_restored_tenant ON public.audit_restored USING btree (tenant_id, seq);

CREATE INDEX audit_restored_pii_subjects ON public.audit_restored_pii USING gin (subjects);

CREATE UNIQUE INDEX audit_restores_open ON public.audit_restores USING btree (batch_id) WHERE (state = ANY (ARRAY['requested'::text, 'restored'::text]));

CREATE INDEX audit_signatures_open ON public.audit_signatures USING btree (requested_at) WHERE (signed_at IS NULL);

CREATE INDEX connector_line_order ON public.connector_line USING btree (connector, path, place);

CREATE INDEX connector_slots_free ON public.connector_slots USING btree (connector, path, free_at);

CREATE INDEX entitlements_live ON public.entitlements USING btree (tenant_id) INCLUDE (product, expires_at) WHERE (status = ANY (ARRAY['trial'::text, 'active'::text]));

CREATE INDEX events_order ON public.events USING btree (xid, seq);

CREATE INDEX idempotency_keys_expiry ON public.idempotency_keys USING btree (expires_at);

CREATE INDEX invite_tokens_invite ON public.invite_tokens USING btree (invite_id);

CREATE UNIQUE INDEX invites_bulk ON public.invites USING btree (bulk_id, bulk_row) WHERE (bulk_id IS NOT NULL);

CREATE INDEX invites_expiry ON public.invites USING btree (expires_at) WHERE (status = 'invited'::text);

CREATE INDEX invites_list ON public.invites USING btree (created_at DESC, id DESC);

CREATE UNIQUE INDEX invites_live ON public.invites USING btree (tenant_id, email) WHERE (status = 'invited'::text);

CREATE INDEX key_rotations_driven ON public.key_rotations USING btree (driven_at) WHERE (state = ANY (ARRAY['requested'::text, 'pending'::text, 'overlapping'::text, 'draining'::text]));

CREATE INDEX key_rotations_new ON public.key_rotations USING btree (new_key_id) WHERE (new_key_id IS NOT NULL);

CREATE UNIQUE INDEX key_rotations_open ON public.key_rotations USING btree (old_key_id) WHERE (state = ANY (ARRAY['requested'::text, 'pending'::text, 'overlapping'::text, 'draining'::text]));

CREATE INDEX key_rotations_tenant ON public.key_rotations USING btree (tenant_id, created_at DESC);

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

CREATE INDEX product_requests_list ON public.product_requests USING btree (created_at DESC, id DESC);

CREATE UNIQUE INDEX product_requests_open ON public.product_requests USING btree (tenant_id, product) WHERE (status = 'open'::text);

CREATE INDEX product_trials_open ON public.product_trials USING btree (driven_at NULLS FIRST) WHERE (ended_at IS NULL);

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

CREATE INDEX tenant_slugs_tenant ON public.tenant_slugs USING btree (tenant_id);

CREATE INDEX tenants_list ON public.tenants USING btree (created_at DESC, id DESC);

CREATE INDEX tenants_partner ON public.tenants USING btree (partner_id) WHERE (partner_id IS NOT NULL);

CREATE INDEX tenants_purge ON public.tenants USING btree (purge_at) WHERE (status = 'deleted'::text);

CREATE INDEX tenants_status ON public.tenants USING btree (status, id);

CREATE INDEX tenants_trial ON public.tenants USING btree (trial_ends_at) WHERE (status = 'trial'::text);

CREATE UNIQUE INDEX token_rotations_open ON public.token_rotations USING btree (tenant_id) WHERE (state <> ALL (ARRAY['done'::text, 'failed'::text]));

CREATE INDEX user_identities_user ON public.user_identities USING btree (user_id);

CREATE INDEX verification_changes_xid ON public.verification_changes USING btree (xid) INCLUDE (about);

-- Functions

CREATE OR REPLACE FUNCTION public.adopt_foreign_key(key uuid, to_digest bytea, to_pepper text)
 RETURNS boolean
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'public'
AS $function$
      begin
        delete from api_key_foreign_hashes where key_id = key;
        if not found then return false; end if;
        update api_keys set digest = to_digest, pepper_id = to_pepper where id = key and digest is null;
        return found;
      end $function$;

CREATE OR REPLACE FUNCTION public.api_key_facts(id uuid, tenant_id uuid, environment text, scopes text[], role text, product text, allowed_cidrs cidr[], rate_limit integer, rate_window_seconds integer, usage_limit bigint, usage_limit_strict boolean, expires_at timestamp with time zone, rotation_family_id uuid, pepper_id text)
 RETURNS text
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
AS $function$
        select concat(id, E'', tenant_id, E'', environment, E'', array_to_string(scopes, ' '), E'',
          role, E'', product, E'', array_to_string(allowed_cidrs, ' '), E'',
          rate_limit, E'', rate_window_seconds, E'', usage_limit, E'', usage_limit_strict, E'',
          date_part('epoch', expires_at) * 1000, E'', rotation_family_id, E'', pepper_id)
      $function$;

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

CREATE OR REPLACE FUNCTION public.audit_comparison()
 RETURNS text
 LANGUAGE sql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public'
AS $function$
      select coalesce((
        select case when c.at > pg_postmaster_start_time() and c.table_oid = 'public.audit_comparisons'::regclass
          then 'done' else 'outdated' end
        from public.audit_comparisons as c), 'never')
    $function$;

CREATE OR REPLACE FUNCTION public.audit_confirm_batch(batch uuid, grace interval)
 RETURNS boolean
 LANGUAGE sql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public'
AS $function$
      with confirmed as (
        update public.audit_batches set state = 'confirmed', confirmed_at = clock_timestamp(),
          prune_after = clock_timestamp() + greatest(grace, interval '0'), problem = null, problem_at = null,
          troubled_at = null, tries = 0,
          not_before = null
        where id = batch and state = 'stored' returning 1)
      select exists (select 1 from confirmed)
    $function$;

CREATE OR REPLACE FUNCTION public.audit_delivered(by_caller text, sources text[], external_ids text[])
 RETURNS TABLE(source text, external_id text, event_id uuid, content_hash bytea, salt bytea, digest bytea)
 LANGUAGE sql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public'
AS $function$select d.source, d.external_id, d.event_id, d.content_hash, d.salt, d.digest
          from unnest(sources, external_ids) as u(source, external_id)
          join public.audit_dedupe as d
            on d.caller = by_caller and d.source = u.source and d.external_id = u.external_id$function$;

CREATE OR REPLACE FUNCTION public.audit_doubt_batch(batch uuid, why text)
 RETURNS boolean
 LANGUAGE sql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public'
AS $function$
      with doubted as (
        update public.audit_batches set state = 'planned', attempt = attempt + 1,
          replaced_manifests = replaced_manifests || manifest_sha256, leaves_key = null, leaves_sha256 = null,
          leaves_bytes = null, personal_key = null, personal_sha256 = null, personal_bytes = null, manifest = null,
          manifest_key = null, manifest_sha256 = null, built_at = null, stored_at = null, confirmed_at = null,
          prune_after = null, verified_at = null, problem = why, problem_at = clock_timestamp()
        where id = batch and state in ('planned', 'stored', 'confirmed') and manifest_sha256 is not null returning 1)
      select exists (select 1 from doubted)
    $function$;

CREATE OR REPLACE FUNCTION public.audit_erase(whom text, entry uuid, by_actor text)
 RETURNS bigint
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public'
AS $function$
    declare
      gone bigint := 0;
      n bigint;
      held boolean := false;
      events uuid[];
      more uuid[];
      moment text := to_json(to_char(clock_timestamp() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'))::text;
    begin
      if coalesce(whom, '') = '' or length(whom) > 500 or coalesce(by_actor, '') = '' then
        raise exception 'No subject, or nobody who erases it' using errcode = 'UA003';
      end if;
      perform 1 from public.audit_head for update;
      if to_regclass('public.audit_legal_holds') is not null then
        -- Whoever places a hold waits for this, or this one sees the hold.
        lock table public.audit_legal_holds in share mode;
        execute 'select exists (select 1 from public.audit_legal_holds h where h.lifted_at is null
            and (h.subject is null or h.subject = $1)
            and (h.tenant_id is null or exists (
              select 1 from public.audit_pii p where p.subjects && array[$1] and p.tenant_id = h.tenant_id)))'
          into held using whom;
        if held then raise exception 'A legal hold stands' using errcode = 'UA002'; end if;
      end if;

      with deleted as (delete from public.audit_pii where subjects && array[whom] returning event_id)
      select count(*), coalesce(array_agg(distinct event_id), '{}') into gone, events from deleted;

      -- Entries that have no place yet keep their commitments and lose their parts.
      with touched as (
        select e.pid, array_agg(u.part order by u.n) filter (where keep) as parts,
          array_agg(u.part_subjects order by u.n) filter (where keep) as part_subjects,
          array_agg(u.salt order by u.n) filter (where keep) as salts,
          array_agg(u.body order by u.n) filter (where keep) as bodies,
          array_agg(u.search order by u.n) filter (where keep) as searches,
          count(*) filter (where not keep) as lost
        from public.audit_pending e
        cross join lateral unnest(e.parts, e.part_subjects, e.part_salts, e.part_bodies, e.part_searches)
          with ordinality as u(part, part_subjects, salt, body, search, n)
        cross join lateral (select not (string_to_array(u.part_subjects, E'\n') && array[whom]) as keep) as k
        where e.subjects && array[whom]
        group by e.pid
        having count(*) filter (where not keep) > 0
      ), changed as (
        update public.audit_pending e set parts = coalesce(t.parts, '{}'), part_subjects = coalesce(t.part_subjects, '{}'),
          part_salts = coalesce(t.salts, '{}'), part_bodies = coalesce(t.bodies, '{}'),
          part_searches = coalesce(t.searches, '{}')
        from touched t where e.pid = t.pid
        returning e.id, t.lost
      )
      select coalesce(sum(lost), 0), coalesce(array_agg(id), '{}') into n, more from changed;
      gone := gone + n;

      -- What was delivered under a name is remembered without what it said.
      update public.audit_dedupe set salt = null, digest = null where event_id = any(events || more);

      if to_regclass('public.audit_restored_pii') is not null then
        execute 'delete from public.audit_restored_pii where subjects && array[$1]' using whom;
        get diagnostics n = row_count;
        gone := gone + n;
      end if;
      if to_regclass('public.audit_subject_keys') is not null then
        execute 'delete from public.audit_subject_keys where subject = $1' using whom;
      end if;

      -- Made here from end to end: whoever may call this must not be able to write another control entry.
      insert into public.audit_pending (id, kind, action, outcome, actor_id, target_ids, subjects, at, core, parts,
        part_subjects, part_salts, part_bodies, part_searches)
      values (entry, 'control', 'audit.erased', 'success', by_actor, '{}', '{}', (moment::json #>> '{}')::timestamptz,
        '{"action":"audit.erased","actor":{"id":' || to_json(by_actor) || ',"type":' || to_json(split_part(by_actor, ':', 1))
          || '},"at":' || moment || ',"crud":"d","id":"' || entry || '","metadata":{"parts":' || gone || ',"subject":'
          || to_json(whom) || '},"outcome":"success","pii":[],"received_at":' || moment || ',"targets":[],"via":"usher"}',
        '{}', '{}', '{}', '{}', '{}');
      insert into public.audit_erasures (id, subject, parts) values (entry, whom, gone);
      return gone;
    end $function$;

CREATE OR REPLACE FUNCTION public.audit_erasures_waiting(given text[])
 RETURNS SETOF text
 LANGUAGE sql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public'
AS $function$
      select e.core::jsonb #>> '{metadata,subject}' from public.audit_pending as e
      where e.kind = 'control' and e.action = 'audit.erased' and e.core::jsonb #>> '{metadata,subject}' = any(given)
    $function$;

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

CREATE OR REPLACE FUNCTION public.audit_is_held(of_tenant uuid, of_subjects text[])
 RETURNS boolean
 LANGUAGE sql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public'
AS $function$
      select exists (
        select 1 from public.audit_legal_holds h where h.lifted_at is null
          and (h.tenant_id is null or h.tenant_id = of_tenant)
          and (h.subject is null or h.subject = any(of_subjects)))
    $function$;

CREATE OR REPLACE FUNCTION public.audit_lock_keys(ids uuid[])
 RETURNS TABLE(id uuid, subject text, salt bytea)
 LANGUAGE sql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public'
AS $function$
      select k.id, k.subject, k.salt from public.audit_subject_keys k where k.id = any(ids) order by k.id for key share
    $function$;

CREATE OR REPLACE FUNCTION public.audit_note_comparison()
 RETURNS void
 LANGUAGE sql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public'
AS $function$
      insert into public.audit_comparisons (at, table_oid)
      values (clock_timestamp(), 'public.audit_comparisons'::regclass)
      on conflict (one) do update set at = excluded.at, table_oid = excluded.table_oid
    $function$;

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

CREATE OR REPLACE FUNCTION public.audit_prune(first bigint, entry uuid)
 RETURNS bigint
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public'
 SET lock_timeout TO '2s'
AS $function$
    declare
      part record;
      batch record;
      next_seq bigint;
      entries bigint;
      manifests text := '';
      moment text := to_json(to_char(clock_timestamp() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'))::text;
    begin
      select p.from_seq, p.to_seq, p.pruned_at into part
        from public.audit_partitions p where p.from_seq = first for update;
      if not found then raise exception 'There is no such partition' using errcode = 'UA001'; end if;
      if part.pruned_at is not null then return 0; end if;
      next_seq := part.from_seq;
      for batch in
        select b.id, b.from_seq, b.to_seq, b.state, b.prune_after, b.verified_at, b.manifest_sha256
        from public.audit_batches b where b.from_seq >= part.from_seq and b.from_seq < part.to_seq
        order by b.from_seq for update
      loop
        if batch.from_seq <> next_seq or batch.to_seq >= part.to_seq then
          raise exception 'The batches leave a gap' using errcode = 'UA001';
        end if;
        if batch.state <> 'confirmed' then
          raise exception 'A batch is not confirmed' using errcode = 'UA001';
        end if;
        if batch.prune_after > clock_timestamp() then
          raise exception 'The grace period is not over' using errcode = 'UA001';
        end if;
        if batch.verified_at is null or batch.verified_at < clock_timestamp() - interval '10 minutes' then
          raise exception 'A batch was not verified within 10 minutes' using errcode = 'UA001';
        end if;
        manifests := manifests || case when manifests = '' then '' else ',' end
          || '"' || encode(batch.manifest_sha256, 'hex') || '"';
        next_seq := batch.to_seq + 1;
      end loop;
      if next_seq <> part.to_seq then
        raise exception 'The partition is not wholly in batches' using errcode = 'UA001';
      end if;
      -- Whoever places a hold waits for this drop, or this one sees the hold.
      lock table public.audit_legal_holds in share mode;
      if exists (select 1 from public.audit_legal_holds h where h.lifted_at is null)
        and exists (select 1 from public.audit_log l where l.seq >= part.from_seq and l.seq < part.to_seq
          and audit_is_held(l.tenant_id, l.subjects)) then
        raise exception 'A legal hold stands' using errcode = 'UA002';
      end if;
      select count(*) into entries from public.audit_log l where l.seq >= part.from_seq and l.seq < part.to_seq;
      if entries <> part.to_seq - part.from_seq then
        raise exception 'The partition lacks entries' using errcode = 'UA001';
      end if;

      execute format('drop table public.%I', 'audit_pii_' || part.from_seq);
      execute format('drop table public.%I', 'audit_log_' || part.from_seq);
      update public.audit_partitions set pruned_at = clock_timestamp() where from_seq = part.from_seq;
      update public.audit_batches set state = 'pruned', pruned_at = clock_timestamp(), pruned_by = entry,
        problem = null, problem_at = null, troubled_at = null
        where from_seq >= part.from_seq and from_seq < part.to_seq;
      insert into public.audit_pending (id, kind, action, outcome, actor_id, target_ids, subjects, at, core, parts,
        part_subjects, part_salts, part_bodies, part_searches)
      values (entry, 'control', 'audit.pruned', 'success', 'system:audit', '{}', '{}', clock_timestamp(),
        '{"action":"audit.pruned","actor":{"id":"system:audit","type":"system"},"at":' || moment || ',"crud":"d","id":"'
          || entry || '","metadata":{"from_seq":' || part.from_seq || ',"manifests":[' || manifests || '],"to_seq":'
          || (part.to_seq - 1) || '},"outcome":"success","pii":[],"received_at":' || moment || ',"targets":[],"via":"usher"}',
        '{}', '{}', '{}', '{}', '{}');
      return entries;
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

CREATE OR REPLACE FUNCTION public.audit_text_hits(pattern text, most integer)
 RETURNS bigint[]
 LANGUAGE plpgsql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public'
 SET enable_bitmapscan TO 'on'
 SET enable_seqscan TO 'on'
AS $function$
    declare
      scope text := current_setting('usher.scope', true);
      visible text := case
        when scope = 'all' then 'true'
        when scope = 'partner' then 'public.partner_sees(p.tenant_id)'
        else format('p.tenant_id = %L::uuid', nullif(current_setting('usher.tenant', true), ''))
      end;
      found bigint[];
    begin
      execute format(
        'select array_agg(h.seq) from (select p.seq from public.audit_pii as p where p.search like %L and %s limit %s) as h',
        pattern, visible, most) into found;
      return coalesce(found, '{}');
    end $function$;

CREATE OR REPLACE FUNCTION public.audit_verify_batch(batch uuid, found_leaves bytea, found_personal bytea, found_manifest bytea)
 RETURNS boolean
 LANGUAGE sql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public'
AS $function$
      with verified as (
        update public.audit_batches set verified_at = clock_timestamp()
        where id = batch and state = 'confirmed' and leaves_sha256 = found_leaves
          and personal_sha256 = found_personal and manifest_sha256 = found_manifest returning 1)
      select exists (select 1 from verified)
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

CREATE OR REPLACE FUNCTION public.charge_api_keys(families uuid[], tenants uuid[], costs bigint[], rate_limits bigint[], window_lengths integer[], usage_limits bigint[], granted bigint[], granted_starts_ms double precision[], granted_in_window bigint[])
 RETURNS TABLE(n integer, verdict text, cost bigint, window_start_ms double precision, window_cost bigint)
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public'
AS $function$
      declare
        counter record;
        started timestamptz;
      begin
        insert into api_key_usage (key_id, tenant_id)
        select distinct on (g.family) g.family, g.tenant from unnest(families, tenants) as g (family, tenant)
        where not exists (select 1 from api_key_usage as u where u.key_id = g.family)
          and exists (select 1 from api_keys as k where k.id = g.family)
        order by g.family
        on conflict do nothing;
        for i in 1 .. cardinality(families) loop
          if i = 1 or families[i] <> families[i - 1] then
            select u.cost, u.window_start, u.window_seconds, u.window_cost into counter
            from api_key_usage as u where u.key_id = families[i] for no key update;
          end if;
          started := case when window_lengths[i] is not null then
            to_timestamp(floor(extract(epoch from now()) / window_lengths[i]) * window_lengths[i]) end;
          if started is not null
            and (started, window_lengths[i]) is distinct from (counter.window_start, counter.window_seconds) then
            counter.window_start := started;
            counter.window_seconds := window_lengths[i];
            counter.window_cost := 0;
          end if;
          -- What its process has granted on its own comes first, so that it never stands beside the limit.
          counter.cost := counter.cost + granted[i];
          if started = to_timestamp(granted_starts_ms[i] / 1000) then
            counter.window_cost := counter.window_cost + granted_in_window[i];
          end if;
          verdict := case
            when started is not null and counter.window_cost + costs[i] > rate_limits[i] then 'RATE_LIMITED'
            when counter.cost + costs[i] > usage_limits[i] then 'USAGE_EXCEEDED'
            else 'VALID' end;
          if verdict = 'VALID' then
            counter.cost := counter.cost + costs[i];
            if started is not null then counter.window_cost := counter.window_cost + costs[i]; end if;
          end if;
          if i = cardinality(families) or families[i] <> families[i + 1] then
            update api_key_usage as u set cost = counter.cost, window_start = counter.window_start,
              window_seconds = counter.window_seconds, window_cost = counter.window_cost
            where u.key_id = families[i];
          end if;
          n := i;
          cost := counter.cost;
          window_start_ms := extract(epoch from counter.window_start) * 1000;
          window_cost := counter.window_cost;
          return next;
        end loop;
      end $function$;

CREATE OR REPLACE FUNCTION public.count_key_uses(keys uuid[], requests_of bigint[], costs bigint[], used_ms double precision[], ips text[], charges bigint[], starts_ms double precision[], window_lengths integer[], window_charges bigint[], expected_costs bigint[], is_new boolean)
 RETURNS TABLE(rows_counted bigint, others text)
 LANGUAGE sql
 SET search_path TO 'pg_catalog', 'public'
 SET plan_cache_mode TO 'force_generic_plan'
 SET enable_seqscan TO 'off'
 SET enable_bitmapscan TO 'off'
 SET enable_hashjoin TO 'off'
 SET enable_mergejoin TO 'off'
AS $function$
        with g as not materialized (
          select n, key, requests, cost, least(to_timestamp(used_ms / 1000), now()) as used_at, ip::inet as ip, charge,
            to_timestamp(start_ms / 1000) as start, seconds, window_charge, expected
          from unnest(keys, requests_of, costs, used_ms, ips, charges, starts_ms, window_lengths, window_charges,
            expected_costs) with ordinality
            as g (key, requests, cost, used_ms, ip, charge, start_ms, seconds, window_charge, expected, n)
          -- Never false: it is a value of the claim on a flush, and nothing is counted without one.
          where is_new
        ), written as (
          update api_key_usage as u set
            requests = u.requests + g.requests,
            last_used_at = greatest(u.last_used_at, g.used_at),
            last_ip = coalesce(g.ip, u.last_ip),
            cost = u.cost + g.charge,
            -- A window that began before the one that is counted is over: a flush that comes late.
            window_start = case
              when g.start is null or g.seconds = u.window_seconds and g.start < u.window_start
              then u.window_start else g.start end,
            window_seconds = coalesce(g.seconds, u.window_seconds),
            window_cost = case
              when g.start is null then u.window_cost
              when g.start = u.window_start and g.seconds = u.window_seconds then u.window_cost + g.window_charge
              when g.seconds = u.window_seconds and g.start < u.window_start then u.window_cost
              else g.window_charge end,
            day = (now() at time zone 'utc')::date,
            day_requests = g.requests
              + case when u.day = (now() at time zone 'utc')::date then u.day_requests else 0 end,
            day_cost = g.cost + case when u.day = (now() at time zone 'utc')::date then u.day_cost else 0 end
          from g where u.key_id = g.key
          returning g.n, g.expected, new.key_id, new.tenant_id, new.day, old.day as old_day,
            old.day_requests as old_requests, old.day_cost as old_cost, new.cost, new.window_start,
            new.window_seconds, new.window_cost
        ), moved as (
          insert into api_key_usage_days as d (key_id, day, code, tenant_id, requests, cost)
          select w.key_id, w.old_day, 'VALID', w.tenant_id, w.old_requests, w.old_cost
          from written as w where w.old_day < w.day and w.old_requests > 0
          on conflict on constraint api_key_usage_days_pkey do update
            set requests = d.requests + excluded.requests, cost = d.cost + excluded.cost
        )
        -- Which of the keys, counted from 1, then its count as in find_api_keys.
        select count(*), string_agg(concat(w.n, ' ', w.cost, ' ', date_part('epoch', w.window_start) * 1000, ' ',
          w.window_seconds, ' ', w.window_cost), ',') filter (where w.cost <> w.expected)
        from written as w
      $function$;

CREATE OR REPLACE FUNCTION public.count_refusals(keys uuid[], tenants uuid[], codes text[], counts bigint[])
 RETURNS void
 LANGUAGE sql
 SET search_path TO 'pg_catalog', 'public'
AS $function$
        insert into api_key_usage_days as d (key_id, day, code, tenant_id, requests)
        select g.key, (now() at time zone 'utc')::date, g.code, g.tenant, g.count
        from unnest(keys, tenants, codes, counts) as g (key, tenant, code, count)
        join api_keys as k on k.id = g.key
        order by g.key, g.code
        on conflict on constraint api_key_usage_days_pkey do update set requests = d.requests + excluded.requests
      $function$;

CREATE OR REPLACE FUNCTION public.effective_status(status text, trial_ends_at timestamp with time zone)
 RETURNS text
 LANGUAGE sql
 STABLE
AS $function$ select case when status = 'trial' and trial_ends_at <= now() then 'frozen' else status end $function$;

CREATE OR REPLACE FUNCTION public.enqueue_wake(row_id uuid, of_type text, of_workflow text, with_input jsonb, for_request text, by_claimant text, after_ms double precision DEFAULT 0)
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
      if after_ms <= 0 then
        update outbox set available_at = now()
        where aggregate = of_workflow and delivered_at is null and dead_at is null and attempts = 0
          and available_at > now();
      end if;
      select by_claimant is not null and after_ms <= 0 and not exists (
        select 1 from outbox where aggregate = of_workflow and delivered_at is null and dead_at is null
      ) into free;
      insert into outbox
        (id, aggregate, n, workflow_type, workflow_id, input, request_id, claimed_by, claimed_until, available_at)
      values (row_id, of_workflow, number, of_type, of_workflow, with_input, for_request,
        case when free then by_claimant end, case when free then now() + interval '3 seconds' end,
        now() + greatest(0, after_ms) * interval '1 millisecond');
      return free;
    end $function$;

CREATE OR REPLACE FUNCTION public.find_api_keys(wanted bytea[])
 RETURNS TABLE(digest bytea, facts text, counted text)
 LANGUAGE sql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public'
 SET plan_cache_mode TO 'force_generic_plan'
AS $function$
        select k.digest,
          concat(k.facts, E'', t.slug, E'',
            case when t.status = 'active' or t.status = 'trial' and coalesce(t.trial_ends_at > now(), true)
              then 0 else 1 end
              + case when k.revoked_at is null then 0 else 2 end
              + case when k.blocked_at is null then 0 else 4 end
              + case when k.expires_at <= now() then 8 else 0 end
              + case when k.ends_at <= now() then 16 else 0 end
              + case when k.first_used_at is null then 32 else 0 end, E'',
            e.live, E'', (select string_agg(p.product, ' ') from public.products as p), E'',
            date_part('epoch', least(case when t.status = 'trial' then t.trial_ends_at end, k.expires_at, k.ends_at,
              e.until)) * 1000, E'',
            case when k.ends_at is not null then public.key_rotation_facts(k.id, k.ends_at) end
          ),
          concat(date_part('epoch', now()) * 1000, ' ', u.cost, ' ', date_part('epoch', u.window_start) * 1000, ' ',
            u.window_seconds, ' ', u.window_cost)
        from public.api_keys as k
        join public.tenants as t on t.id = k.tenant_id
        left join lateral (
          select string_agg(e.product, ' ') as live, min(e.expires_at) as until
          from public.entitlements as e
          where e.tenant_id = k.tenant_id and e.status in ('trial', 'active')
            and (e.expires_at is null or e.expires_at > now())
        ) as e on true
        -- What is counted moves all the time and is none of the facts.
        left join public.api_key_usage as u on u.key_id = k.rotation_family_id
          and (k.rate_limit is not null or k.usage_limit is not null)
        where k.digest = any(wanted)
      $function$;

CREATE OR REPLACE FUNCTION public.find_foreign_hashes(prefixes text[])
 RETURNS TABLE(prefix text, key_id uuid, salt bytea, hash bytea)
 LANGUAGE sql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public'
AS $function$
        select f.prefix, f.key_id, f.salt, f.hash
        from unnest(prefixes) as wanted (prefix)
        cross join lateral (
          select h.prefix, h.key_id, h.salt, h.hash from public.api_key_foreign_hashes as h
          where h.prefix = wanted.prefix order by h.key_id limit 8
        ) as f
      $function$;

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
AS $function$select m.id, m.scope, m.tenant_id, t.slug, public.effective_status(t.status, t.trial_ends_at), m.partner_id, m.role, m.origin
        from public.memberships m left join public.tenants t on t.id = m.tenant_id
        where m.user_id = who and m.withdrawn_at is null$function$;

CREATE OR REPLACE FUNCTION public.join_line(in_connector text, in_path text, in_caller text, in_calls integer, in_window_ms integer)
 RETURNS double precision
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'public'
AS $function$
      declare
        closed_ms float8;
        ahead int;
      begin
        select greatest(0, extract(epoch from closed_until - clock_timestamp()) * 1000) into closed_ms
        from connector_paths where connector = in_connector and path = in_path;
        select count(*) into ahead from connector_line
        where connector = in_connector and path = in_path and caller <> in_caller;
        return place_in_line(in_connector, in_path, in_caller, in_calls, in_window_ms, ahead, coalesce(closed_ms, 0));
      end
    $function$;

CREATE OR REPLACE FUNCTION public.key_rotation_facts(key uuid, ends_at timestamp with time zone)
 RETURNS text
 LANGUAGE sql
 STABLE
 SET search_path TO 'pg_catalog', 'public'
AS $function$
      select concat(case when r.state = 'pending'
          and exists (select 1 from public.api_keys as n where n.id = r.new_key_id and n.first_used_at is not null)
        then 'overlapping' else r.state end, ' ', r.new_key_id, ' ', date_part('epoch', least(ends_at, (select o.expires_at from public.api_keys as o where o.id = key))) * 1000)
      from public.key_rotations as r
      where r.old_key_id = key and r.state in ('requested', 'pending', 'overlapping', 'draining')
    $function$;

CREATE OR REPLACE FUNCTION public.log_verification_change()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public'
AS $function$
      declare
        was uuid;
        is_now uuid;
        about text;
        told int := coalesce(nullif(current_setting('usher.changes', true), '')::int, 0) + 1;
      begin
        -- Many at a time are told as everybody.
        if told > 250 then return null; end if;
        perform set_config('usher.changes', told::text, true);
        if tg_argv[1] = 'id' then was := old.id; is_now := new.id;
        elsif tg_argv[1] = 'tenant_id' then was := old.tenant_id; is_now := new.tenant_id;
        elsif tg_argv[1] = 'old_key_id' then was := old.old_key_id; is_now := new.old_key_id;
        end if;
        about := case when tg_argv[0] = '*' or told = 250 or was <> is_now then '*'
          else tg_argv[0] || coalesce(is_now, was) end;
        insert into verification_changes (about) values (about);
        -- Only makes it earlier, for those who hold a lease. It takes a lock of the whole server at the commit.
        if (select max_lease_ms from verification_settings) > 0 then
          perform pg_notify('usher_verification', about);
        end if;
        return null;
      end $function$;

CREATE OR REPLACE FUNCTION public.mark_first_use(key_ids uuid[], used_at timestamp with time zone[])
 RETURNS TABLE(key_id uuid, tenant_id uuid, rotation_id uuid)
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'public'
AS $function$
      begin
        
        perform 1 from api_keys as k
        where k.id = any(key_ids)
          or k.id in (select r.old_key_id from key_rotations as r where r.new_key_id = any(key_ids))
        order by k.id for no key update;
        return query
          with used as (
            -- A clock of ours that is behind neither starts an overlap in the past nor ends one early.
            select k.id, k.tenant_id, greatest(u.at, now() - interval '10 seconds') as at
            from unnest(key_ids, used_at) as u (id, at) join api_keys as k on k.id = u.id
            where k.first_used_at is null
          ), rotation as (
            select r.id, r.old_key_id, used.id as new_key_id,
              used.at + r.overlap_seconds * interval '1 second' as ends_at
            from used join key_rotations as r on r.new_key_id = used.id and r.state = 'pending'
          ), touched as (
            select coalesce(used.id, rotation.old_key_id) as id, used.at, rotation.ends_at
            from used full join rotation on rotation.old_key_id = used.id
          ), marked as (
            update api_keys as k
            set first_used_at = coalesce(k.first_used_at, touched.at), ends_at = least(k.ends_at, touched.ends_at)
            from touched where touched.id = k.id
          )
          select used.id, used.tenant_id, rotation.id
          from used left join rotation on rotation.new_key_id = used.id;
      end $function$;

CREATE OR REPLACE FUNCTION public.move_api_key_digest(key uuid, from_digest bytea, to_digest bytea, to_pepper text)
 RETURNS boolean
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'public'
AS $function$
      begin
        update api_keys set digest = to_digest, pepper_id = to_pepper where id = key and digest = from_digest;
        return found;
      end $function$;

CREATE OR REPLACE FUNCTION public.partner_sees(tenant uuid)
 RETURNS boolean
 LANGUAGE plpgsql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public'
AS $function$
      begin
        return exists (select 1 from public.tenants where id = tenant and partner_id = nullif(current_setting('usher.partner', true), '')::uuid);
      end
      $function$;

CREATE OR REPLACE FUNCTION public.peppers_in_use()
 RETURNS SETOF text
 LANGUAGE sql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public'
AS $function$
        with recursive used as (
          (select min(pepper_id) as id from public.api_keys where revoked_at is null)
          union all
          select (select min(k.pepper_id) from public.api_keys k where k.revoked_at is null and k.pepper_id > used.id)
          from used where used.id is not null
        )
        select id from used where id is not null
        union
        select pepper_id from public.service_accounts where revoked_at is null
      $function$;

CREATE OR REPLACE FUNCTION public.place_in_line(in_connector text, in_path text, in_caller text, in_calls integer, in_window_ms integer, in_ahead integer, in_closed_ms double precision)
 RETURNS double precision
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'public'
AS $function$
      declare
        slot_ms float8;
        due_ms float8;
      begin
        -- A slot in use is expected back a window after it was taken; its pessimistic free_at is for lost answers only.
        select extract(epoch from due - clock_timestamp()) * 1000 into slot_ms from (
          select case when answered then free_at
                   else greatest(taken_at + in_window_ms * interval '1 millisecond', clock_timestamp()) end as due
          from connector_slots where connector = in_connector and path = in_path
          order by due offset in_ahead % in_calls limit 1
        ) as slot;
        due_ms := greatest(greatest(0, coalesce(slot_ms, 0)) + (in_ahead / in_calls) * in_window_ms, in_closed_ms) + 25;
        insert into connector_line (connector, path, caller, due_at)
        values (in_connector, in_path, in_caller, clock_timestamp() + due_ms * interval '1 millisecond')
        on conflict (connector, path, caller) do update set due_at = excluded.due_at;
        return due_ms;
      end
    $function$;

CREATE OR REPLACE FUNCTION public.purge_tenant(which uuid, most integer)
 RETURNS integer
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public'
AS $function$
    declare
      owned record;
      gone int;
    begin
      perform 1 from tenants as t join tenant_lifecycles as l on l.tenant_id = t.id
        where t.id = which and t.status = 'purging' and t.purged_at is null and l.exported_at is not null;
      if not found then
        raise exception 'the tenant is not being purged, or was not exported' using errcode = 'check_violation';
      end if;

      with nobody as (
        select u.id from users as u
        where u.email <> ('purged-' || u.id || '@purged.invalid') and not u.staff
          and exists (select 1 from memberships as m where m.user_id = u.id and m.tenant_id = which)
          and not exists (select 1 from memberships as m where m.user_id = u.id and m.tenant_id is distinct from which)
        limit most
      ), gone_sessions as (
        delete from sessions where user_id in (select id from nobody)
      ), gone_links as (
        delete from login_links where user_id in (select id from nobody)
      ), gone_identities as (
        delete from user_identities where user_id in (select id from nobody)
      ), gone_mails as (
        delete from mails where user_id in (select id from nobody) returning id
      ), gone_mail_secrets as (
        delete from secrets where owner_table = 'mails' and owner_id in (select id from gone_mails)
      )
      update users set email = 'purged-' || id || '@purged.invalid', name = null, password_hash = null,
        status = 'deactivated', deactivated_at = coalesce(deactivated_at, now()), version = version + 1
      where id in (select id from nobody);
      get diagnostics gone = row_count;
      if gone > 0 then
        return gone;
      end if;

      for owned in
        with recursive tables as (
          select c.oid, c.relname from pg_class as c
            join pg_attribute as a on a.attrelid = c.oid and a.attname = 'tenant_id' and not a.attisdropped
          where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition
            and c.relname not like 'audit%'
            and c.relname not in ('events', 'secret_accesses', 'tenant_lifecycles', 'tenant_slugs')
        ), depths as (
          select oid, 0 as depth from tables
          union
          select f.conrelid, d.depth + 1 from depths as d
            join pg_constraint as f on f.confrelid = d.oid and f.contype = 'f' and f.conrelid <> f.confrelid
            join tables as t on t.oid = f.conrelid
          where d.depth < 30
        )
        select t.relname as name, max(d.depth) as depth from tables as t join depths as d on d.oid = t.oid
        group by t.relname order by max(d.depth) desc, t.relname
      loop
        execute format(
          'delete from %1$I where (tableoid, ctid) in (select tableoid, ctid from %1$I where tenant_id = $1 limit $2)',
          owned.name) using which, most;
        get diagnostics gone = row_count;
        if gone > 0 then
          return gone;
        end if;
      end loop;
      return 0;
    end $function$;

CREATE OR REPLACE FUNCTION public.queue_up(in_connector text, in_path text, in_caller text, in_calls integer, in_window_ms integer)
 RETURNS double precision
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'public'
AS $function$
      declare
        closed_ms float8;
        ahead int;
        free int;
        due_ms float8;
      begin
        select greatest(0, extract(epoch from closed_until - clock_timestamp()) * 1000) into closed_ms
        from connector_paths where connector = in_connector and path = in_path;
        closed_ms := coalesce(closed_ms, 0);
        select count(*) into ahead from connector_line
        where connector = in_connector and path = in_path and caller <> in_caller
          and due_at > clock_timestamp() - 2 * in_window_ms * interval '1 millisecond';
        select count(*) into free from connector_slots
        where connector = in_connector and path = in_path and free_at <= clock_timestamp();
        if closed_ms > 0 or ahead >= free then
          return place_in_line(in_connector, in_path, in_caller, in_calls, in_window_ms, ahead, closed_ms);
        end if;
        due_ms := ahead * in_window_ms / (2.5 * in_calls);
        insert into connector_line (connector, path, caller, due_at)
        values (in_connector, in_path, in_caller, clock_timestamp() + due_ms * interval '1 millisecond')
        on conflict (connector, path, caller) do update set due_at = excluded.due_at;
        return due_ms;
      end
    $function$;

CREATE OR REPLACE FUNCTION public.sweep_verification_changes(most integer)
 RETURNS integer
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public'
AS $function$
      declare
        ended xid8 := pg_snapshot_xmin(pg_current_snapshot());
        next xid8 := pg_snapshot_xmax(pg_current_snapshot());
        last xid8;
        swept int;
      begin
        with gone as (
          delete from verification_changes where ctid = any (array(
            select c.ctid from verification_changes as c
            where c.xid < ended and c.at < now() - interval '5 minutes' or c.xid >= next
            order by c.xid limit most))
          returning xid)
        select max(xid) filter (where xid < ended), count(*) into last, swept from gone;
        update verification_swept set xid = coalesce(last, '0') where xid < last or xid >= next;
        return swept;
      end $function$;

CREATE OR REPLACE FUNCTION public.take_slot(in_connector text, in_path text, in_caller text, in_calls integer, in_window_ms integer, in_timeout_ms integer, OUT slot integer, OUT due_ms double precision)
 RETURNS record
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'public'
AS $function$
      declare
        closed_ms float8;
        mine bigint;
        ahead int;
        free int;
      begin
        -- Waiters judge their place one after the other: each sees what the lock's last owner left.
        select greatest(0, extract(epoch from closed_until - clock_timestamp()) * 1000) into closed_ms
        from connector_paths where connector = in_connector and path = in_path for no key update;
        closed_ms := coalesce(closed_ms, 0);
        select place into mine from connector_line
        where connector = in_connector and path = in_path and caller = in_caller;
        select count(*) into ahead from connector_line
        where connector = in_connector and path = in_path and place < coalesce(mine, 9223372036854775807)
          and due_at > clock_timestamp() - 2 * in_window_ms * interval '1 millisecond';
        select count(*) into free from connector_slots
        where connector = in_connector and path = in_path and free_at <= clock_timestamp();
        if closed_ms <= 0 and ahead < free then
          update connector_slots set taken_at = clock_timestamp(), answered = false,
            free_at = clock_timestamp() + (in_timeout_ms + in_window_ms) * interval '1 millisecond'
          where (connector, path, n) = (
            select connector, path, n from connector_slots
            where connector = in_connector and path = in_path and free_at <= clock_timestamp()
            order by free_at limit 1 for update skip locked)
          returning n into slot;
          if slot is not null then
            if mine is not null then
              delete from connector_line where connector = in_connector and path = in_path and caller = in_caller;
            end if;
            return;
          end if;
        end if;
        due_ms := place_in_line(in_connector, in_path, in_caller, in_calls, in_window_ms, ahead, closed_ms);
      end
    $function$;

-- Triggers

CREATE TRIGGER verification_changes AFTER DELETE OR UPDATE OF id, tenant_id, digest, pepper_id, environment, scopes, role, product, allowed_cidrs, rate_limit, rate_window_seconds, usage_limit, usage_limit_strict, expires_at, ends_at, rotation_family_id, first_used_at, revoked_at, blocked_at ON public.api_keys FOR EACH ROW EXECUTE FUNCTION log_verification_change('k', 'id');

CREATE TRIGGER carry BEFORE INSERT ON public.audit_entries FOR EACH ROW EXECUTE FUNCTION audit_carry_new();

CREATE TRIGGER verification_changes AFTER INSERT OR DELETE OR UPDATE OF tenant_id, product, status, expires_at ON public.entitlements FOR EACH ROW EXECUTE FUNCTION log_verification_change('t', 'tenant_id');

CREATE TRIGGER verification_changes AFTER INSERT OR DELETE OR UPDATE OF old_key_id, new_key_id, state ON public.key_rotations FOR EACH ROW EXECUTE FUNCTION log_verification_change('k', 'old_key_id');

CREATE TRIGGER verification_changes AFTER INSERT OR DELETE OR UPDATE OF product ON public.products FOR EACH ROW EXECUTE FUNCTION log_verification_change('*');

CREATE TRIGGER verification_changes AFTER DELETE OR UPDATE OF id, slug, status, trial_ends_at ON public.tenants FOR EACH ROW EXECUTE FUNCTION log_verification_change('t', 'id');

-- Policies

create policy app on api_key_foreign_hashes as permissive for all to usher_app using (((current_setting('usher.scope'::text, true) = 'all'::text) OR (tenant_id = (NULLIF(current_setting('usher.tenant'::text, true), ''::text))::uuid))) with check (((current_setting('usher.scope'::text, true) = 'all'::text) OR (tenant_id = (NULLIF(current_setting('usher.tenant'::text, true), ''::text))::uuid)));

create policy owner on api_key_foreign_hashes as permissive for all to usher_owner using (true) with check (true);

create policy app on api_key_usage as permissive for all to usher_app using (((current_setting('usher.scope'::text, true) = 'all'::text) OR (tenant_id = (NULLIF(current_setting('usher.tenant'::text, true), ''::text))::uuid))) with check (((current_setting('usher.scope'::text, true) = 'all'::text) OR (tenant_id = (NULLIF(current_setting('usher.tenant'::text, true), ''::text))::uuid)));

create policy owner on api_key_usage as permissive for all to usher_owner using (true) with check (true);

create policy app on api_key_usage_days as permissive for all to usher_app using (((current_setting('usher.scope'::text, true) = 'all'::text) OR (tenant_id = (NULLIF(current_setting('usher.tenant'::text, true), ''::text))::uuid))) with check (((current_setting('usher.scope'::text, true) = 'all'::text) OR (tenant_id = (NULLIF(current_setting('usher.tenant'::text, true), ''::text))::uuid)));

create policy owner on api_key_usage_days as permissive for all to usher_owner using (true) with check (true);

create policy app on api_keys as permissive for all to usher_app using (((current_setting('usher.scope'::text, true) = 'all'::text) OR (tenant_id = (NULLIF(current_setting('usher.tenant'::text, true), ''::text))::uuid))) with check (((current_setting('usher.scope'::text, true) = 'all'::text) OR (tenant_id = (NULLIF(current_setting('usher.tenant'::text, true), ''::text))::uuid)));

create policy owner on api_keys as permissive for all to usher_owner using (true) with check (true);

create policy app on audit_entries as permissive for all to usher_app using (((current_setting('usher.scope'::text, true) = 'all'::text) OR (tenant_id = (NULLIF(current_setting('usher.tenant'::text, true), ''::text))::uuid) OR ((current_setting('usher.scope'::text, true) = 'partner'::text) AND partner_sees(tenant_id)))) with check (((current_setting('usher.scope'::text, true) = 'all'::text) OR (tenant_id = (NULLIF(current_setting('usher.tenant'::text, true), ''::text))::uuid)));

create policy owner on audit_entries as permissive for all to usher_owner using (true) with check (true);

create policy app on audit_legal_holds as permissive for all to usher_app using ((current_setting('usher.scope'::text, true) = 'all'::text)) with check ((current_setting('usher.scope'::text, true) = 'all'::text));

create policy owner on audit_legal_holds as permissive for all to usher_owner using (true) with check (true);

create policy sequencer on audit_legal_holds as permissive for select to usher_sequencer using (true);

create policy app on audit_log as permissive for select to usher_app using (((current_setting('usher.scope'::text, true) = 'all'::text) OR (tenant_id = (NULLIF(current_setting('usher.tenant'::text, true), ''::text))::uuid) OR ((current_setting('usher.scope'::text, true) = 'partner'::text) AND partner_sees(tenant_id))));

create policy owner on audit_log as permissive for all to usher_owner using (true) with check (true);

create policy sequencer on audit_log as permissive for all to usher_sequencer using (true) with check (true);

create policy app on audit_pending as permissive for insert to usher_app with check ((((current_setting('usher.scope'::text, true) = 'all'::text) OR (tenant_id = (NULLIF(current_setting('usher.tenant'::text, true), ''::text))::uuid)) AND (kind = ANY (ARRAY['own'::text, 'foreign'::text]))));

create policy owner on audit_pending as permissive for all to usher_owner using (true) with check (true);

create policy sequencer_moves on audit_pending as permissive for delete to usher_sequencer using (true);

create policy sequencer_takes on audit_pending as permissive for select to usher_sequencer using (true);

create policy sequencer_tells on audit_pending as permissive for insert to usher_sequencer with check ((kind = 'control'::text));

create policy app on audit_pii as permissive for select to usher_app using (((current_setting('usher.scope'::text, true) = 'all'::text) OR (tenant_id = (NULLIF(current_setting('usher.tenant'::text, true), ''::text))::uuid) OR ((current_setting('usher.scope'::text, true) = 'partner'::text) AND partner_sees(tenant_id))));

create policy owner on audit_pii as permissive for all to usher_owner using (true) with check (true);

create policy sequencer on audit_pii as permissive for all to usher_sequencer using (true) with check (true);

create policy app on audit_restored as permissive for select to usher_app using (((current_setting('usher.scope'::text, true) = 'all'::text) OR (tenant_id = (NULLIF(current_setting('usher.tenant'::text, true), ''::text))::uuid) OR ((current_setting('usher.scope'::text, true) = 'partner'::text) AND partner_sees(tenant_id))));

create policy owner on audit_restored as permissive for all to usher_owner using (true) with check (true);

create policy sequencer on audit_restored as permissive for all to usher_sequencer using (true) with check (true);

create policy app on audit_restored_pii as permissive for select to usher_app using (((current_setting('usher.scope'::text, true) = 'all'::text) OR (tenant_id = (NULLIF(current_setting('usher.tenant'::text, true), ''::text))::uuid) OR ((current_setting('usher.scope'::text, true) = 'partner'::text) AND partner_sees(tenant_id))));

create policy owner on audit_restored_pii as permissive for all to usher_owner using (true) with check (true);

create policy sequencer on audit_restored_pii as permissive for all to usher_sequencer using (true) with check (true);

create policy app on audit_signatures as permissive for all to usher_app using (((current_setting('usher.scope'::text, true) = 'all'::text) OR (tenant_id = (NULLIF(current_setting('usher.tenant'::text, true), ''::text))::uuid))) with check (((current_setting('usher.scope'::text, true) = 'all'::text) OR (tenant_id = (NULLIF(current_setting('usher.tenant'::text, true), ''::text))::uuid)));

create policy owner on audit_signatures as permissive for all to usher_owner using (true) with check (true);

create policy sequencer on audit_signatures as permissive for all to usher_sequencer using (true) with check (true);

create policy app on audit_tenant_heads as permissive for select to usher_app using (((current_setting('usher.scope'::text, true) = 'all'::text) OR (tenant_id = (NULLIF(current_setting('usher.tenant'::text, true), ''::text))::uuid) OR ((current_setting('usher.scope'::text, true) = 'partner'::text) AND partner_sees(tenant_id))));

create policy owner on audit_tenant_heads as permissive for all to usher_owner using (true) with check (true);

create policy sequencer on audit_tenant_heads as permissive for all to usher_sequencer using (true) with check (true);

create policy app on entitlements as permissive for all to usher_app using (((current_setting('usher.scope'::text, true) = 'all'::text) OR (tenant_id = (NULLIF(current_setting('usher.tenant'::text, true), ''::text))::uuid))) with check (((current_setting('usher.scope'::text, true) = 'all'::text) OR (tenant_id = (NULLIF(current_setting('usher.tenant'::text, true), ''::text))::uuid)));

create policy owner on entitlements as permissive for all to usher_owner using (true) with check (true);

create policy app on invite_tokens as permissive for all to usher_app using (((current_setting('usher.scope'::text, true) = 'all'::text) OR (tenant_id = (NULLIF(current_setting('usher.tenant'::text, true), ''::text))::uuid) OR ((current_setting('usher.scope'::text, true) = 'partner'::text) AND partner_sees(tenant_id)))) with check (((current_setting('usher.scope'::text, true) = 'all'::text) OR (tenant_id = (NULLIF(current_setting('usher.tenant'::text, true), ''::text))::uuid)));

create policy owner on invite_tokens as permissive for all to usher_owner using (true) with check (true);

create policy app on invites as permissive for all to usher_app using (((current_setting('usher.scope'::text, true) = 'all'::text) OR (tenant_id = (NULLIF(current_setting('usher.tenant'::text, true), ''::text))::uuid) OR ((current_setting('usher.scope'::text, true) = 'partner'::text) AND partner_sees(tenant_id)))) with check (((current_setting('usher.scope'::text, true) = 'all'::text) OR (tenant_id = (NULLIF(current_setting('usher.tenant'::text, true), ''::text))::uuid)));

create policy owner on invites as permissive for all to usher_owner using (true) with check (true);

create policy app on key_policies as permissive for all to usher_app using (((current_setting('usher.scope'::text, true) = 'all'::text) OR (tenant_id = (NULLIF(current_setting('usher.tenant'::text, true), ''::text))::uuid))) with check (((current_setting('usher.scope'::text, true) = 'all'::text) OR (tenant_id = (NULLIF(current_setting('usher.tenant'::text, true), ''::text))::uuid)));

create policy owner on key_policies as permissive for all to usher_owner using (true) with check (true);

create policy app on key_rotation_events as permissive for all to usher_app using (((current_setting('usher.scope'::text, true) = 'all'::text) OR (tenant_id = (NULLIF(current_setting('usher.tenant'::text, true), ''::text))::uuid))) with check (((current_setting('usher.scope'::text, true) = 'all'::text) OR (tenant_id = (NULLIF(current_setting('usher.tenant'::text, true), ''::text))::uuid)));

create policy owner on key_rotation_events as permissive for all to usher_owner using (true) with check (true);

create policy app on key_rotations as permissive for all to usher_app using (((current_setting('usher.scope'::text, true) = 'all'::text) OR (tenant_id = (NULLIF(current_setting('usher.tenant'::text, true), ''::text))::uuid))) with check (((current_setting('usher.scope'::text, true) = 'all'::text) OR (tenant_id = (NULLIF(current_setting('usher.tenant'::text, true), ''::text))::uuid)));

create policy owner on key_rotations as permissive for all to usher_owner using (true) with check (true);

create policy app on mails as permissive for all to usher_app using (((current_setting('usher.scope'::text, true) = 'all'::text) OR (tenant_id = (NULLIF(current_setting('usher.tenant'::text, true), ''::text))::uuid) OR ((current_setting('usher.scope'::text, true) = 'partner'::text) AND partner_sees(tenant_id)))) with check (((current_setting('usher.scope'::text, true) = 'all'::text) OR (tenant_id = (NULLIF(current_setting('usher.tenant'::text, true), ''::text))::uuid)));

create policy owner on mails as permissive for all to usher_owner using (true) with check (true);

create policy app on memberships as permissive for all to usher_app using (((current_setting('usher.scope'::text, true) = 'all'::text) OR (tenant_id = (NULLIF(current_setting('usher.tenant'::text, true), ''::text))::uuid) OR ((current_setting('usher.scope'::text, true) = 'partner'::text) AND partner_sees(tenant_id)))) with check (((current_setting('usher.scope'::text, true) = 'all'::text) OR (tenant_id = (NULLIF(current_setting('usher.tenant'::text, true), ''::text))::uuid)));

create policy owner on memberships as permissive for all to usher_owner using (true) with check (true);

create policy app on onboarding_events as permissive for all to usher_app using (((current_setting('usher.scope'::text, true) = 'all'::text) OR (tenant_id = (NULLIF(current_setting('usher.tenant'::text, true), ''::text))::uuid) OR ((current_setting('usher.scope'::text, true) = 'partner'::text) AND partner_sees(tenant_id)))) with check (((current_setting('usher.scope'::text, true) = 'all'::text) OR (tenant_id = (NULLIF(current_setting('usher.tenant'::text, true), ''::text))::uuid)));

create policy owner on onboarding_events as permissive for all to usher_owner using (true) with check (true);

create policy app on onboarding_inputs as permissive for all to usher_app using (((current_setting('usher.scope'::text, true) = 'all'::text) OR (tenant_id = (NULLIF(current_setting('usher.tenant'::text, true), ''::text))::uuid) OR ((current_setting('usher.scope'::text, true) = 'partner'::text) AND partner_sees(tenant_id)))) with check (((current_setting('usher.scope'::text, true) = 'all'::text) OR (tenant_id = (NULLIF(current_setting('usher.tenant'::text, true), ''::text))::uuid)));

create policy owner on onboarding_inputs as permissive for all to usher_owner using (true) with check (true);

create policy app on onboarding_steps as permissive for all to usher_app using (((current_setting('usher.scope'::text, true) = 'all'::text) OR (tenant_id = (NULLIF(current_setting('usher.tenant'::text, true), ''::text))::uuid) OR ((current_setting('usher.scope'::text, true) = 'partner'::text) AND partner_sees(tenant_id)))) with check (((current_setting('usher.scope'::text, true) = 'all'::text) OR (tenant_id = (NULLIF(current_setting('usher.tenant'::text, true), ''::text))::uuid)));

create policy owner on onboarding_steps as permissive for all to usher_owner using (true) with check (true);

create policy app on onboardings as permissive for all to usher_app using (((current_setting('usher.scope'::text, true) = 'all'::text) OR (tenant_id = (NULLIF(current_setting('usher.tenant'::text, true), ''::text))::uuid) OR ((current_setting('usher.scope'::text, true) = 'partner'::text) AND partner_sees(tenant_id)))) with check (((current_setting('usher.scope'::text, true) = 'all'::text) OR (tenant_id = (NULLIF(current_setting('usher.tenant'::text, true), ''::text))::uuid)));

create policy owner on onboardings as permissive for all to usher_owner using (true) with check (true);

create policy app on orders as permissive for all to usher_app using (((current_setting('usher.scope'::text, true) = 'all'::text) OR (tenant_id = (NULLIF(current_setting('usher.tenant'::text, true), ''::text))::uuid) OR ((current_setting('usher.scope'::text, true) = 'partner'::text) AND partner_sees(tenant_id)))) with check (((current_setting('usher.scope'::text, true) = 'all'::text) OR (tenant_id = (NULLIF(current_setting('usher.tenant'::text, true), ''::text))::uuid)));

create policy owner on orders as permissive for all to usher_owner using (true) with check (true);

create policy app on product_requests as permissive for all to usher_app using (((current_setting('usher.scope'::text, true) = 'all'::text) OR (tenant_id = (NULLIF(current_setting('usher.tenant'::text, true), ''::text))::uuid))) with check (((current_setting('usher.scope'::text, true) = 'all'::text) OR (tenant_id = (NULLIF(current_setting('usher.tenant'::text, true), ''::text))::uuid)));

create policy owner on product_requests as permissive for all to usher_owner using (true) with check (true);

create policy app on product_trials as permissive for all to usher_app using (((current_setting('usher.scope'::text, true) = 'all'::text) OR (tenant_id = (NULLIF(current_setting('usher.tenant'::text, true), ''::text))::uuid))) with check (((current_setting('usher.scope'::text, true) = 'all'::text) OR (tenant_id = (NULLIF(current_setting('usher.tenant'::text, true), ''::text))::uuid)));

create policy owner on product_trials as permissive for all to usher_owner using (true) with check (true);

create policy app on resource_repairs as permissive for all to usher_app using (((current_setting('usher.scope'::text, true) = 'all'::text) OR (tenant_id = (NULLIF(current_setting('usher.tenant'::text, true), ''::text))::uuid))) with check (((current_setting('usher.scope'::text, true) = 'all'::text) OR (tenant_id = (NULLIF(current_setting('usher.tenant'::text, true), ''::text))::uuid)));

create policy owner on resource_repairs as permissive for all to usher_owner using (true) with check (true);

create policy app on secret_accesses as permissive for all to usher_app using (((current_setting('usher.scope'::text, true) = 'all'::text) OR (tenant_id = (NULLIF(current_setting('usher.tenant'::text, true), ''::text))::uuid) OR ((current_setting('usher.scope'::text, true) = 'partner'::text) AND partner_sees(tenant_id)))) with check (((current_setting('usher.scope'::text, true) = 'all'::text) OR (tenant_id = (NULLIF(current_setting('usher.tenant'::text, true), ''::text))::uuid)));

create policy owner on secret_accesses as permissive for all to usher_owner using (true) with check (true);

create policy app on secrets as permissive for all to usher_app using (((current_setting('usher.scope'::text, true) = 'all'::text) OR (tenant_id = (NULLIF(current_setting('usher.tenant'::text, true), ''::text))::uuid) OR ((current_setting('usher.scope'::text, true) = 'partner'::text) AND partner_sees(tenant_id)))) with check (((current_setting('usher.scope'::text, true) = 'all'::text) OR (tenant_id = (NULLIF(current_setting('usher.tenant'::text, true), ''::text))::uuid)));

create policy owner on secrets as permissive for all to usher_owner using (true) with check (true);

create policy app on step_attempts as permissive for all to usher_app using (((current_setting('usher.scope'::text, true) = 'all'::text) OR (tenant_id = (NULLIF(current_setting('usher.tenant'::text, true), ''::text))::uuid) OR ((current_setting('usher.scope'::text, true) = 'partner'::text) AND partner_sees(tenant_id)))) with check (((current_setting('usher.scope'::text, true) = 'all'::text) OR (tenant_id = (NULLIF(current_setting('usher.tenant'::text, true), ''::text))::uuid)));

create policy owner on step_attempts as permissive for all to usher_owner using (true) with check (true);

create policy app on tenant_lifecycles as permissive for all to usher_app using (((current_setting('usher.scope'::text, true) = 'all'::text) OR (tenant_id = (NULLIF(current_setting('usher.tenant'::text, true), ''::text))::uuid))) with check (((current_setting('usher.scope'::text, true) = 'all'::text) OR (tenant_id = (NULLIF(current_setting('usher.tenant'::text, true), ''::text))::uuid)));

create policy owner on tenant_lifecycles as permissive for all to usher_owner using (true) with check (true);

create policy app on tenant_resources as permissive for all to usher_app using (((current_setting('usher.scope'::text, true) = 'all'::text) OR (tenant_id = (NULLIF(current_setting('usher.tenant'::text, true), ''::text))::uuid) OR ((current_setting('usher.scope'::text, true) = 'partner'::text) AND partner_sees(tenant_id)))) with check (((current_setting('usher.scope'::text, true) = 'all'::text) OR (tenant_id = (NULLIF(current_setting('usher.tenant'::text, true), ''::text))::uuid)));

create policy owner on tenant_resources as permissive for all to usher_owner using (true) with check (true);

create policy app on tenant_slugs as permissive for all to usher_app using (((current_setting('usher.scope'::text, true) = 'all'::text) OR (tenant_id = (NULLIF(current_setting('usher.tenant'::text, true), ''::text))::uuid) OR ((current_setting('usher.scope'::text, true) = 'partner'::text) AND partner_sees(tenant_id)))) with check (((current_setting('usher.scope'::text, true) = 'all'::text) OR (tenant_id = (NULLIF(current_setting('usher.tenant'::text, true), ''::text))::uuid)));

create policy owner on tenant_slugs as permissive for all to usher_owner using (true) with check (true);

create policy app on tenants as permissive for all to usher_app using (((current_setting('usher.scope'::text, true) = 'all'::text) OR (id = (NULLIF(current_setting('usher.tenant'::text, true), ''::text))::uuid) OR ((current_setting('usher.scope'::text, true) = 'partner'::text) AND (partner_id = (NULLIF(current_setting('usher.partner'::text, true), ''::text))::uuid)))) with check (((current_setting('usher.scope'::text, true) = 'all'::text) OR (id = (NULLIF(current_setting('usher.tenant'::text, true), ''::text))::uuid)));

create policy owner on tenants as permissive for all to usher_owner using (true) with check (true);

create policy app on token_rotations as permissive for all to usher_app using (((current_setting('usher.scope'::text, true) = 'all'::text) OR (tenant_id = (NULLIF(current_setting('usher.tenant'::text, true), ''::text))::uuid) OR ((current_setting('usher.scope'::text, true) = 'partner'::text) AND partner_sees(tenant_id)))) with check (((current_setting('usher.scope'::text, true) = 'all'::text) OR (tenant_id = (NULLIF(current_setting('usher.tenant'::text, true), ''::text))::uuid)));

create policy owner on token_rotations as permissive for all to usher_owner using (true) with check (true);

create policy app on user_workspaces as permissive for all to usher_app using (((current_setting('usher.scope'::text, true) = 'all'::text) OR (tenant_id = (NULLIF(current_setting('usher.tenant'::text, true), ''::text))::uuid) OR ((current_setting('usher.scope'::text, true) = 'partner'::text) AND partner_sees(tenant_id)))) with check (((current_setting('usher.scope'::text, true) = 'all'::text) OR (tenant_id = (NULLIF(current_setting('usher.tenant'::text, true), ''::text))::uuid)));

create policy owner on user_workspaces as permissive for all to usher_owner using (true) with check (true);

-- Grants

grant update on column audit_archive_runs.done_at to usher_sequencer;

grant insert on column audit_archive_runs.id to usher_app;

grant update on column audit_archive_runs.planned to usher_sequencer;

grant update on column audit_archive_runs.problem to usher_sequencer;

grant insert on column audit_archive_runs.requested_by to usher_app;

grant update on column audit_batches.built_at to usher_sequencer;

grant update on column audit_batches.driven_at to usher_sequencer;

grant insert on column audit_batches.from_seq to usher_sequencer;

grant insert on column audit_batches.id to usher_sequencer;

grant update on column audit_batches.leaves_bytes to usher_sequencer;

grant update on column audit_batches.leaves_key to usher_sequencer;

grant update on column audit_batches.leaves_sha256 to usher_sequencer;

grant update on column audit_batches.locked_until to usher_sequencer;

grant update on column audit_batches.manifest to usher_sequencer;

grant update on column audit_batches.manifest_key to usher_sequencer;

grant update on column audit_batches.manifest_sha256 to usher_sequencer;

grant insert on column audit_batches.n to usher_sequencer;

grant update on column audit_batches.not_before to usher_sequencer;

grant insert on column audit_batches.origin to usher_sequencer;

grant update on column audit_batches.personal_bytes to usher_sequencer;

grant update on column audit_batches.personal_key to usher_sequencer;

grant update on column audit_batches.personal_sha256 to usher_sequencer;

grant update on column audit_batches.problem to usher_sequencer;

grant update on column audit_batches.problem_at to usher_sequencer;

grant insert on column audit_batches.requested_by to usher_sequencer;

grant update on column audit_batches.state to usher_sequencer;

grant update on column audit_batches.stored_at to usher_sequencer;

grant insert on column audit_batches.to_seq to usher_sequencer;

grant update on column audit_batches.tries to usher_sequencer;

grant update on column audit_batches.troubled_at to usher_sequencer;

grant update on column audit_checkpoints.published_at to usher_sequencer;

grant update on column audit_erasures.tombstone_at to usher_sequencer;

grant update on column audit_keys.endorsement to usher_sequencer;

grant update on column audit_keys.since_size to usher_sequencer;

grant update on column audit_keys.until_size to usher_sequencer;

grant insert on column audit_legal_holds.id to usher_app;

grant update on column audit_legal_holds.lifted_at to usher_app;

grant update on column audit_legal_holds.lifted_by to usher_app;

grant insert on column audit_legal_holds.placed_by to usher_app;

grant insert on column audit_legal_holds.reason to usher_app;

grant insert on column audit_legal_holds.subject to usher_app;

grant insert on column audit_legal_holds.tenant_id to usher_app;

grant insert on column audit_restores.batch_id to usher_app;

grant update on column audit_restores.driven_at to usher_sequencer;

grant update on column audit_restores.ended_at to usher_sequencer;

grant update on column audit_restores.entries to usher_sequencer;

grant update on column audit_restores.erased to usher_sequencer;

grant update on column audit_restores.expires_at to usher_sequencer;

grant insert on column audit_restores.id to usher_app;

grant update on column audit_restores.not_before to usher_sequencer;

grant update on column audit_restores.problem to usher_sequencer;

grant insert on column audit_restores.requested_by to usher_app;

grant update on column audit_restores.restored_at to usher_sequencer;

grant update on column audit_restores.state to usher_sequencer;

grant update on column audit_restores.tries to usher_sequencer;

grant update on column audit_signatures.note to usher_sequencer;

grant update on column audit_signatures.signed_at to usher_sequencer;

grant execute on function adopt_foreign_key(uuid,bytea,text) to public;

grant execute on function api_key_facts(uuid,uuid,text,text[],text,text,cidr[],integer,integer,bigint,boolean,timestamp with time zone,uuid,text) to public;

grant execute on function audit_comparison() to usher_app;

grant execute on function audit_confirm_batch(uuid,interval) to usher_sequencer;

grant execute on function audit_delivered(text,text[],text[]) to usher_app;

grant execute on function audit_doubt_batch(uuid,text) to usher_sequencer;

grant execute on function audit_erase(text,uuid,text) to usher_app;

grant execute on function audit_erasures_waiting(text[]) to usher_app;

grant execute on function audit_hmac(bytea,text) to public;

grant execute on function audit_is_held(uuid,text[]) to usher_sequencer;

grant execute on function audit_lock_keys(uuid[]) to usher_sequencer;

grant execute on function audit_note_comparison() to usher_app;

grant execute on function audit_prepare_partitions(bigint) to usher_sequencer;

grant execute on function audit_prune(bigint,uuid) to usher_sequencer;

grant execute on function audit_seq_at(timestamp with time zone) to usher_app;

grant execute on function audit_still_waiting(bigint[]) to usher_app;

grant execute on function audit_subject(uuid,text,text) to public;

grant execute on function audit_text_hits(text,integer) to usher_app;

grant execute on function audit_verify_batch(uuid,bytea,bytea,bytea) to usher_sequencer;

grant execute on function audit_waiting(uuid) to usher_app;

grant execute on function charge_api_keys(uuid[],uuid[],bigint[],bigint[],integer[],bigint[],bigint[],double precision[],bigint[]) to usher_app;

grant execute on function count_key_uses(uuid[],bigint[],bigint[],double precision[],text[],bigint[],double precision[],integer[],bigint[],bigint[],boolean) to public;

grant execute on function count_refusals(uuid[],uuid[],text[],bigint[]) to public;

grant execute on function effective_status(text,timestamp with time zone) to usher_app;

grant execute on function effective_status(text,timestamp with time zone) to usher_sequencer;

grant execute on function enqueue_wake(uuid,text,text,jsonb,text,text,double precision) to public;

grant execute on function find_api_keys(bytea[]) to usher_app;

grant execute on function find_foreign_hashes(text[]) to usher_app;

grant execute on function find_invite_by_token(bytea) to usher_app;

grant execute on function find_memberships(uuid) to usher_app;

grant execute on function join_line(text,text,text,integer,integer) to usher_app;

grant execute on function key_rotation_facts(uuid,timestamp with time zone) to public;

grant execute on function mark_first_use(uuid[],timestamp with time zone[]) to public;

grant execute on function move_api_key_digest(uuid,bytea,bytea,text) to public;

grant execute on function partner_sees(uuid) to usher_app;

grant execute on function peppers_in_use() to usher_app;

grant execute on function place_in_line(text,text,text,integer,integer,integer,double precision) to usher_app;

grant execute on function purge_tenant(uuid,integer) to usher_app;

grant execute on function queue_up(text,text,text,integer,integer) to usher_app;

grant execute on function sweep_verification_changes(integer) to usher_app;

grant execute on function take_slot(text,text,text,integer,integer,integer) to usher_app;

grant usage on schema public to public;

grant usage on schema public to usher_app;

grant usage on schema public to usher_sequencer;

grant usage on sequence audit_entries_seq_seq to usher_app;

grant usage on sequence connector_line_place_seq to usher_app;

grant usage on sequence events_seq_seq to usher_app;

grant usage on sequence key_rotation_events_id_seq to usher_app;

grant usage on sequence onboarding_events_id_seq to usher_app;

grant delete, insert, select, update on table api_key_foreign_hashes to usher_app;

grant delete, insert, select, update on table api_key_usage to usher_app;

grant delete, insert, select, update on table api_key_usage_days to usher_app;

grant delete, insert, select, update on table api_keys to usher_app;

grant select on table audit_actions to usher_app;

grant insert, select on table audit_actions to usher_sequencer;

grant select on table audit_archive_runs to usher_app;

grant select on table audit_archive_runs to usher_sequencer;

grant select on table audit_batches to usher_app;

grant select on table audit_batches to usher_sequencer;

grant select on table audit_checkpoints to usher_app;

grant insert, select on table audit_checkpoints to usher_sequencer;

grant insert on table audit_dedupe to usher_app;

grant insert, select on table audit_entries to usher_app;

grant select on table audit_erasures to usher_app;

grant select on table audit_erasures to usher_sequencer;

grant select on table audit_head to usher_app;

grant select, update on table audit_head to usher_sequencer;

grant select on table audit_keys to usher_app;

grant insert, select on table audit_keys to usher_sequencer;

grant select on table audit_legal_holds to usher_app;

grant select on table audit_legal_holds to usher_sequencer;

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

grant select on table audit_restored to usher_app;

grant delete, insert, select on table audit_restored to usher_sequencer;

grant select on table audit_restored_pii to usher_app;

grant delete, insert, select on table audit_restored_pii to usher_sequencer;

grant select on table audit_restores to usher_app;

grant select on table audit_restores to usher_sequencer;

grant insert, select on table audit_signatures to usher_app;

grant delete, select on table audit_signatures to usher_sequencer;

grant insert, select on table audit_subject_keys to usher_sequencer;

grant select on table audit_tenant_heads to usher_app;

grant insert, select, update on table audit_tenant_heads to usher_sequencer;

grant select on table audit_tiles to usher_app;

grant insert, select, update on table audit_tiles to usher_sequencer;

grant delete, insert, select, update on table connector_line to usher_app;

grant delete, insert, select, update on table connector_paths to usher_app;

grant delete, insert, select, update on table connector_slots to usher_app;

grant delete, insert, select, update on table current_pepper to usher_app;

grant delete, insert, select, update on table entitlements to usher_app;

grant delete, insert, select, update on table events to usher_app;

grant delete, insert, select, update on table idempotency_keys to usher_app;

grant delete, insert, select, update on table incidents to usher_app;

grant delete, insert, select, update on table invite_tokens to usher_app;

grant delete, insert, select, update on table invites to usher_app;

grant delete, insert, select, update on table key_policies to usher_app;

grant insert, select on table key_rotation_events to usher_app;

grant delete, insert, select, update on table key_rotations to usher_app;

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

grant delete, insert, select, update on table product_requests to usher_app;

grant delete, insert, select, update on table product_trials to usher_app;

grant delete, insert, select, update on table products to usher_app;

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

grant insert, select, update on table tenant_lifecycles to usher_app;

grant delete, insert, select, update on table tenant_resources to usher_app;

grant delete, insert, select, update on table tenant_slugs to usher_app;

grant delete, insert, select, update on table tenants to usher_app;

grant delete, insert, select, update on table token_rotations to usher_app;

grant delete, insert, select, update on table user_identities to usher_app;

grant delete, insert, select, update on table user_workspaces to usher_app;

grant delete, insert, select, update on table users to usher_app;

grant select on table verification_changes to usher_app;

grant delete, insert, select, update on table verification_flushes to usher_app;

grant select, update on table verification_settings to usher_app;

grant select on table verification_swept to usher_app;
