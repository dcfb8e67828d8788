import type { TenantNotice, TenantStatus } from '../../contracts/registry';

/** Everything that decides what happens next to a tenant; times in milliseconds from now, negative when past. */
export interface LifecycleFacts {
  readonly status: TenantStatus;
  /** The status that its people were last told of. */
  readonly toldStatus: TenantStatus | null;
  readonly frozenReason: 'cancelled' | 'trial-ended' | null;
  readonly trialEndsInMs: number | null;
  readonly trialLastsMs: number | null;
  /** Whether this end of the trial was warned of. */
  readonly trialWarned: boolean;
  readonly purgeInMs: number | null;
  readonly exported: boolean;
  readonly exportInMs: number | null;
  readonly purged: boolean;
}

/** What the workflow sees of a tenant: codes and durations only. */
export interface LifecycleView {
  readonly status: TenantStatus;
  readonly next: 'wait' | 'export' | 'purge';
  /** Nothing is left to do or to wait for, until somebody changes the tenant. */
  readonly settled: boolean;
  /** Milliseconds after which it is worth another look; at most a day. */
  readonly waitMs: number;
}

const day = 24 * 3_600_000;

/** Milliseconds before its end at which a trial is warned of. */
export const trialWarningMs = 3 * day;

/** Milliseconds until a trial is warned of; undefined where none is (any more). */
export function trialWarningInMs(trial: {
  readonly endsInMs: number | null;
  readonly lastsMs: number | null;
  readonly warned: boolean;
}): number | undefined {
  const { endsInMs, lastsMs, warned } = trial;
  // One that lasts no longer than the warning's lead would be warned of the moment it begins.
  if (endsInMs === null || endsInMs <= 0 || warned || (lastsMs ?? 0) <= trialWarningMs)
    return undefined;
  return endsInMs - trialWarningMs;
}

/** What a tenant's people are to be told; undefined when they know, or when it is nothing to them. */
export function noticeOf(
  facts: Pick<LifecycleFacts, 'status' | 'toldStatus' | 'frozenReason'>,
): TenantNotice | undefined {
  const { status, toldStatus, frozenReason } = facts;
  if (status === toldStatus) return undefined;
  switch (status) {
    case 'suspended':
    case 'archived':
    case 'deleted':
      return status;
    case 'frozen':
      return toldStatus === 'archived' || toldStatus === 'deleted'
        ? 'restored'
        : (frozenReason ?? undefined);
    case 'purging':
      return undefined;
    default:
      if (toldStatus === 'suspended') return 'resumed';
      if (toldStatus === 'trial' && status === 'active') return 'activated';
      return toldStatus !== null && ['frozen', 'archived', 'deleted'].includes(toldStatus)
        ? 'restored'
        : undefined;
  }
}

/** What the workflow does next, derived from the rows alone. */
export function lifecycleView(facts: LifecycleFacts): LifecycleView {
  const purging = facts.status === 'purging' && !facts.purged;
  const warning = trialWarningInMs({
    endsInMs: facts.trialEndsInMs,
    lastsMs: facts.trialLastsMs,
    warned: facts.trialWarned,
  });
  const waits = [
    day,
    facts.status === 'trial' ? facts.trialEndsInMs : undefined,
    facts.status === 'trial' ? warning : undefined,
    facts.status === 'deleted' ? facts.purgeInMs : undefined,
    purging ? facts.exportInMs : undefined,
  ].filter((ms) => ms !== undefined && ms !== null);
  return {
    status: facts.status,
    next: nextOf(facts, purging),
    settled: !purging && facts.status !== 'trial' && facts.status !== 'deleted',
    waitMs: Math.max(0, Math.ceil(Math.min(...waits))),
  };
}

function nextOf(facts: LifecycleFacts, purging: boolean): LifecycleView['next'] {
  if (!purging) return 'wait';
  if (facts.exported) return 'purge';
  return (facts.exportInMs ?? 0) <= 0 ? 'export' : 'wait';
}

/** Minutes until a failed export is tried again: 1, 5, 15, then every hour. */
export function exportRetryMinutes(failures: number): number {
  return [1, 5, 15][failures - 1] ?? 60;
}
