import type { Tx } from '../../platform/db';
import { commitmentOf } from '../audit/hashes';
import { columnsOf } from '../audit/leaf-columns';
import { readEnvelope } from '../audit/leaf.rules';
import type { Core } from '../audit/log-entries';
import { subjectsOf } from '../audit/subjects.rules';
import type { FetchedBatch } from './fetch-batch';
import type { PersonalPart } from './personal';

/** Entries that are written at a time. */
const chunk = 500;

type Leaf = FetchedBatch['leaves'][number];

/** Writes entries that were fetched back beside the log, with the columns that queries look at. */
export async function writeRestored(
  tx: Tx,
  restoreId: string,
  leaves: readonly Leaf[],
  parts: readonly PersonalPart[],
): Promise<void> {
  for (let from = 0; from < leaves.length; from += chunk) {
    const rows = leaves.slice(from, from + chunk).map(rowOf);
    await tx.run(
      `insert into audit_restored (restore_id, seq, id, kind, tenant_id, tenant_seq, partner_id, action, outcome, actor_id,
         product, source, request_id, target_ids, subjects, at, sequenced_at, late, leaf, hash)
       select $1, r.seq, r.id, r.kind, r.tenant_id, r.tenant_seq, r.partner_id, r.action, r.outcome, r.actor_id, r.product,
         r.source, r.request_id, r.target_ids, r.subjects, r.at, r.sequenced_at,
         r.at < r.sequenced_at - interval '10 minutes', r.leaf, decode(r.hash, 'hex')
       from jsonb_to_recordset($2::jsonb) as r(seq bigint, id uuid, kind text, tenant_id uuid, tenant_seq bigint,
         partner_id uuid, action text, outcome text, actor_id text, product text, source text, request_id text,
         target_ids text[], subjects text[], at timestamptz, sequenced_at timestamptz, leaf text, hash text)`,
      [restoreId, JSON.stringify(rows)],
    );
  }
  for (let from = 0; from < parts.length; from += chunk) {
    const rows = parts.slice(from, from + chunk).map(({ salt, ...part }) => ({
      ...part,
      salt: salt.toString('hex'),
    }));
    await tx.run(
      `insert into audit_restored_pii (restore_id, seq, part, tenant_id, event_id, subjects, salt, body, search)
       select $1, r.seq, r.part, r.tenant_id, r.event_id, r.subjects, decode(r.salt, 'hex'), r.body, r.search
       from jsonb_to_recordset($2::jsonb) as r(seq bigint, part text, tenant_id uuid, event_id uuid, subjects text[],
         salt text, body text, search text)`,
      [restoreId, JSON.stringify(rows)],
    );
  }
}

/** Takes entries that were fetched back away again. */
export async function dropRestored(tx: Tx, restoreId: string): Promise<void> {
  await tx.run('delete from audit_restored_pii where restore_id = $1', [restoreId]);
  await tx.run('delete from audit_restored where restore_id = $1', [restoreId]);
}

// What was fetched has been checked: each line is a leaf (`requireChain`).
function rowOf({ seq, leaf, hash }: Leaf) {
  const envelope = readEnvelope(leaf);
  if (!envelope) throw new Error('A leaf that was checked cannot be read');
  const core = JSON.parse(envelope.core) as Core;
  const columns = columnsOf(envelope, core);
  return {
    ...columns,
    seq,
    subjects: subjectsOf({ tenantId: columns.tenant_id, actor: core.actor, targets: core.targets }),
    leaf,
    hash: hash.toString('hex'),
  };
}

/** Parts that the leaf of their entry does not commit to: they are somebody's invention. */
export function strangers(
  leaves: readonly Leaf[],
  parts: readonly PersonalPart[],
): readonly PersonalPart[] {
  const committed = new Map<string, string>();
  for (const { seq, leaf } of leaves) {
    const core = JSON.parse(readEnvelope(leaf)?.core ?? '{}') as Partial<Core>;
    for (const { part, c } of core.pii ?? []) committed.set(`${String(seq)} ${part}`, c);
  }
  return parts.filter(
    ({ seq, part, event_id: id, salt, body }) =>
      committed.get(`${String(seq)} ${part}`) !== commitmentOf(salt, id, part, body),
  );
}
