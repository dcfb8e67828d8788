import type { Tx } from '../../../platform/db';
import type { ChainChecker } from './chain-checker';
import type { Breaks } from './verdict.rules';

/** What was verified, to be compared with where the log says that it ends. */
export interface Ends {
  readonly from: number;
  /** The last seq that was looked at. */
  readonly last: number;
  /** The log was looked at to its end. */
  readonly toEnd: boolean;
  readonly chain: ChainChecker;
  readonly breaks: Breaks;
}

/** Compares the end of the log, and of each tenant's chain, with what their heads say. */
export async function checkEnds(tx: Tx, ends: Ends): Promise<void> {
  if (!ends.toEnd) return;
  const { last, chain, breaks } = ends;
  const head = await tx.one<{ size: number; last: string; newest: number; signed: number }>(
    `select h.size, encode(h.last_hash, 'hex') as last,
       coalesce((select max(seq) from audit_log), 0) as newest,
       coalesce((select max(size) from audit_checkpoints), 0) as signed
     from audit_head as h`,
  );
  const promised = Math.max(head.size, head.signed);
  if (last < promised && head.newest <= last) {
    breaks.add(last + 1, 'gap', `${String(promised)} entries`, String(last));
  }
  // Entries come while others are verified; only the end that was reached can be compared.
  if (head.size === last && chain.verified > 0 && head.last !== chain.last) {
    breaks.add(last, 'inconsistent', `head ${chain.last}`, `head ${head.last}`);
  }
  if (head.newest > head.size) {
    breaks.add(head.size + 1, 'inconsistent', `${String(head.size)} entries`, String(head.newest));
  }
  if (head.size === last) await checkTenantEnds(tx, ends);
}

async function checkTenantEnds(tx: Tx, { from, chain, breaks }: Ends): Promise<void> {
  const rows = await tx.rows<{ id: string; seq: number; hash: string; last: number }>(
    `select tenant_id as id, tenant_seq as seq, encode(hash, 'hex') as hash, last_seq as last from audit_tenant_heads`,
  );
  for (const { id, seq, hash, last } of rows) {
    const end = chain.tenants.get(id);
    if (end?.seq === seq && end.hash === hash) continue;
    // It ends before what was looked at.
    if (!end && last < from) continue;
    const kind = (end?.seq ?? 0) < seq ? 'tenant-gap' : 'tenant-fork';
    breaks.add(
      last,
      kind,
      `${id} ends at ${String(end?.seq ?? 0)}`,
      `its head says ${String(seq)}`,
    );
  }
}
