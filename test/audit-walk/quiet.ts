/**
 * Tables whose rows are no state that somebody could ask the audit log about, and why. A transaction that changes
 * anything else has to hold an audit entry; a new table is watched until it is listed here.
 */
export const quietTables: Readonly<Record<string, string>> = {
  api_key_usage: 'counts of verifications, flushed every few seconds',
  api_key_usage_days: 'counts of verifications by day',
  api_key_foreign_hashes: 'a slow hash that its first use replaces; the key itself is watched',
  audit_actions: 'names of actions, for searches',
  audit_batches:
    'the archive’s own progress; stored and dropped ranges are told as control entries',
  audit_checkpoints: 'signed heads of the log itself',
  audit_dedupe: 'what deliveries brought which entry',
  audit_erasures: 'written by audit_erase(), which appends its control entry',
  audit_head: 'the log itself',
  audit_keys: 'written with the control entry that announces a key',
  audit_log: 'the log itself',
  audit_partitions: 'the log itself',
  audit_pending: 'the log itself',
  audit_pii: 'the log itself',
  audit_pulse: 'when the sequencer was last alive',
  audit_restored: 'copies of entries',
  audit_restored_pii: 'copies of entries',
  audit_signatures: 'notes that wait for their signature',
  audit_subject_keys: 'keys of the archive’s personal parts',
  audit_tenant_heads: 'the log itself',
  audit_tiles: 'the log itself',
  connector_line: 'the line before a backend',
  connector_paths: 'the rate of a backend',
  connector_slots: 'the rate of a backend',
  events: 'what other systems poll: a copy of what the watched row says',
  idempotency_keys: 'answers that are kept for a day',
  key_rotation_events: 'a rotation’s own history, beside its watched row',
  mails: 'on their way; what decided them is watched',
  oidc_flows: 'a sign-in that is under way at its provider',
  outbox: 'wake-ups on their way',
  outbox_aggregates: 'numbers of wake-ups',
  rate_limits: 'counts of requests',
  secret_accesses: 'a log of its own, append-only',
  step_attempts: 'single calls of a backend; what came of the step is told: done, undone, parked',
  system_state: 'values that processes share',
  tenant_lifecycles: 'how far a workflow has come with what the tenant’s own row says',
  verification_changes: 'what verifiers read of changes of watched rows',
  verification_flushes: 'which flush of which process is in',
  verification_swept: 'how much of what verifiers read is gone',
  verification_settings: 'the longest lease that barriers wait for',
};

/** Sealed values of these tables come and go with rows that are quiet themselves. */
export const quietSecretsOf: readonly string[] = [
  'oidc_flows',
  'mails',
  'idempotency_keys',
  'audit_archive',
];

/** Statements that do one thing in many transactions, whose beginning and end are told. */
export const quietStatements: Readonly<Record<string, string>> = {
  'select purge_tenant(': 'tenant.purging tells the beginning, tenant.purged the end',
};

/** How the calls of a backend stand; what came of them is told. */
const calls = ['attempts', 'failures', 'in_doubt', 'next_attempt_at'];

/** Columns that say how far somebody has come with a row, or that they have looked at it, and not what it is. */
export const quietColumns: Readonly<Record<string, readonly string[]>> = {
  '*': ['driven_at', 'updated_at', 'version'],
  api_keys: ['expiry_told_at'],
  audit_archive_runs: ['planned', 'problem', 'done_at'],
  audit_restores: ['tries', 'problem', 'not_before'],
  invites: ['opened_at'],
  key_rotations: ['reminders'],
  onboardings: ['customer_wait_ms', 'reminders_sent', 'waiting_for', 'waiting_since'],
  onboarding_steps: [...calls, 'started_at', 'ended_at', 'limited_since'],
  product_trials: ['warned_for'],
  resource_repairs: [...calls, 'look_up'],
  secrets: ['kid', 'wrapped_dek', 'rewrapped_at'],
  sessions: ['last_seen_at'],
  service_accounts: ['last_used_at'],
  tenant_resources: ['checked_at', 'last_error'],
  token_rotations: [...calls],
};
