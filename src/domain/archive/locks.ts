import { withSystem } from '../../platform/db';
import { honours, recordFindings, recordedFindings } from '../../platform/object-store-findings';
import { probeStore } from '../../platform/object-store-probe';
import type { ArchiveDeps, ArchiveStore } from './deps';

/** Days after which a store is tried out again. */
const freshDays = 7;

const dayMs = 24 * 60 * 60 * 1_000;

/** Until when what is archived now is locked; undefined where the store cannot, or where it shall not be. */
export async function lockedUntil(
  { db, times }: Pick<ArchiveDeps, 'db' | 'times'>,
  { settings }: ArchiveStore,
): Promise<Date | undefined> {
  if (times.lockDays === 0) return undefined;
  const findings = await recordedFindings(db, settings);
  if (!findings || !honours(findings, 'compliance-lock')) return undefined;
  return new Date(Date.now() + times.lockDays * dayMs);
}

/**
 * Finds out what the store honours and records it, unless that was done within the last days.
 * @throws DomainError of the store
 */
export async function examineStore(
  { db }: Pick<ArchiveDeps, 'db'>,
  { settings }: ArchiveStore,
): Promise<void> {
  const findings = await recordedFindings(db, settings);
  if (findings && Date.now() - Date.parse(findings.at) < freshDays * dayMs) return;
  const results = await probeStore(settings);
  await withSystem(db, 'archive', (tx) => recordFindings(tx, settings, results, new Date()));
}
