import type { Database, Tx } from './db';
import type { ObjectStoreSettings } from './object-store';
import type { ProbeResult, StoreCapability } from './object-store-probe';
import { readState, writeState } from './system-state';

/** What the last probe of a store found, as all processes of a deployment know it. */
export interface StoreFindings {
  readonly at: string;
  readonly endpoint: string | null;
  readonly bucket: string;
  readonly results: readonly ProbeResult[];
}

const stateKey = 'object-store-findings';

/** Records what a probe found. */
export async function recordFindings(
  tx: Tx,
  { endpoint, bucket }: ObjectStoreSettings,
  results: readonly ProbeResult[],
  now: Date,
): Promise<void> {
  const findings: StoreFindings = {
    at: now.toISOString(),
    endpoint: endpoint ?? null,
    bucket,
    results,
  };
  await writeState(tx, stateKey, findings);
}

/** What the last probe found; undefined when there was none, or another store was probed. */
export async function recordedFindings(
  db: Database,
  { endpoint, bucket }: ObjectStoreSettings,
): Promise<StoreFindings | undefined> {
  const findings = (await readState(db, stateKey)) as StoreFindings | undefined;
  const same = findings?.endpoint === (endpoint ?? null) && findings.bucket === bucket;
  return same ? findings : undefined;
}

/** Whether findings say that the store honours something. */
export function honours(findings: StoreFindings, capability: StoreCapability): boolean {
  return findings.results.some((one) => one.capability === capability && one.honoured);
}
