import { leafHash } from '../../src/domain/audit/hashes';
import { leafHead, leafTail, readEnvelope } from '../../src/domain/audit/leaf.rules';
import type { Envelope } from '../../src/domain/audit/leaf.rules';
import { appendAll, CompactRange } from '../../src/domain/audit/tree';
import type { AuditDatabase } from '../domain/audit/audit-database';

type Entry = Envelope & { readonly core: string };

interface Row {
  readonly seq: number;
  readonly leaf: string;
}

/**
 * Rewrites a log as somebody could who owns the whole database and knows how it is made: entries are changed, and all
 * hashes, links, tiles and heads are made anew so that they fit. What is signed or published stays as it was.
 */
export async function rewrite(
  log: AuditDatabase,
  change: (entry: Entry) => Partial<Entry>,
): Promise<void> {
  const rows = await log.sql<Row>('select seq, leaf from audit_log order by seq');
  const tenants = new Map<string, { seq: number; hash: string; last: number }>();
  const hashes: Buffer[] = [];
  let prevHash = '0'.repeat(64);
  for (const { seq, leaf } of rows) {
    const read = readEnvelope(leaf);
    if (!read) throw new Error('No leaf');
    const before = read.tenant && tenants.get(read.tenant.id);
    const linked = read.tenant && { ...read.tenant, prev: before?.hash ?? '0'.repeat(64) };
    const entry: Entry = { ...read, prevHash, tenant: linked };
    const made = { ...entry, ...change(entry) };
    const text = leafHead + made.core + leafTail(made);
    const hash = leafHash(text);
    hashes.push(hash);
    prevHash = hash.toString('hex');
    if (made.tenant)
      tenants.set(made.tenant.id, { seq: made.tenant.seq, hash: prevHash, last: seq });
    await log.sql('update audit_log set leaf = $2, hash = $3, tenant_seq = $4 where seq = $1', [
      seq,
      text,
      hash,
      made.tenant?.seq ?? null,
    ]);
  }
  for (const [id, { seq, hash, last }] of tenants) {
    await log.sql(
      `update audit_tenant_heads set tenant_seq = $2, hash = decode($3, 'hex'), last_seq = $4 where tenant_id = $1`,
      [id, seq, hash, last],
    );
  }
  const tree = new CompactRange();
  await log.sql('delete from audit_tiles');
  for (const { level, index, hashes: own } of appendAll(tree, hashes)) {
    await log.sql('insert into audit_tiles (level, idx, hashes) values ($1, $2, $3)', [
      level,
      index,
      Buffer.concat(own),
    ]);
  }
  await log.sql(`update audit_head set last_hash = decode($1, 'hex'), frontier = $2`, [
    prevHash,
    tree.bytes(),
  ]);
}
