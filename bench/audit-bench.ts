import type { Client } from 'pg';
import { createSequencer } from '../src/domain/audit/sequencer';
import type { SigningKeys } from '../src/domain/audit/signing';
import type { Database } from '../src/platform/db';
import type { Figure } from './results';

/** A log to measure on, on a Postgres of its own that is durable as in production. */
export interface AuditBench {
  readonly app: Database;
  readonly sequencer: Database;
  readonly superuser: Client;
  readonly folder: string;
  /** What checkpoints are signed with. */
  readonly keys: SigningKeys;
  readonly tell: (figure: Figure) => void;
}

/** Entries of the backlog. */
export const backlog = Number(process.env['AUDIT_BENCH_ENTRIES'] ?? 100_000);

/** To three digits behind the point. */
export const rounded = (value: number): number => Math.round(value * 1_000) / 1_000;

/** Seconds that the work takes. */
export async function seconds(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await work();
  return (performance.now() - began) / 1000;
}

/** The event that is appended again and again: of a tenant, with an address, a target's name and a reason. */
export const benchEvent = (tenantId: string) =>
  ({
    action: 'onboarding.step_done',
    crud: 'u',
    actorId: `user:${tenantId}`,
    tenantId,
    targets: [{ type: 'onboarding', id: tenantId, name: 'Acme' }],
    metadata: { step: 'add-token', attempt: 1, state: 'done' },
    description: 'as it was ordered',
    sourceIp: '192.0.2.7',
    userAgent: 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36',
  }) as const;

/** Sequences until nothing waits. */
export async function drain(db: Database): Promise<number> {
  const sequencer = createSequencer(db);
  let total = 0;
  for (;;) {
    const count = await sequencer.round();
    if (count === 0) return total;
    total += count;
  }
}
