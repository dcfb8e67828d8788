import type { ExportHeader } from '../export/lines.rules';
import { readTenantHead } from '../heads.rules';
import type { TreeHead } from '../heads.rules';
import { openNote } from '../notes';
import { rootOfInclusion } from '../proof-checks';
import type { Trust } from './trust';
import type { Breaks } from './verdict.rules';

/** The end of a tenant's chain, as a file has it. */
export interface TenantEndInFile {
  readonly header: ExportHeader;
  readonly head: TreeHead;
  readonly trust: Trust;
  readonly last:
    { readonly hash: Buffer; readonly seq: number; readonly tenantSeq: number } | undefined;
}

/** Checks that the last entry is in the log, and that the log has signed that it is the tenant's last one. */
export function checkTenantHead(
  { header, head, trust, last }: TenantEndInFile,
  breaks: Breaks,
): void {
  if (last) {
    const proof = (header.last_proof ?? []).map((text) => Buffer.from(text, 'base64'));
    const root = rootOfInclusion(last.hash, last.seq - 1, head.size, proof)?.toString('base64');
    if (root !== head.root) breaks.add(last.seq, 'root-mismatch', head.root, root ?? 'no proof');
  }
  if (header.tenant_head === null) {
    // A tenant without any entry has no head; one with entries must have a signed one.
    if (last) breaks.add(last.seq, 'unattested', 'a signed head of the tenant', 'none');
    return;
  }
  const opened = openNote(header.tenant_head);
  const claim = opened && readTenantHead(opened.text);
  if (!opened || !claim || !trust.signs(opened, 'tenant-head', claim)) {
    breaks.add(
      last?.seq ?? 0,
      'checkpoint-signature-mismatch',
      `a note of ${head.origin}/tenant-head`,
      claim?.origin ?? 'no note',
    );
    return;
  }
  if (claim.size !== head.size || claim.root !== head.root || claim.tenantId !== header.tenant_id) {
    breaks.add(
      claim.size,
      'inconsistent',
      `${String(head.size)} entries, tenant ${String(header.tenant_id)}`,
      `${String(claim.size)} entries, tenant ${claim.tenantId}`,
    );
    return;
  }
  const found = last?.tenantSeq ?? 0;
  if (claim.tenantSeq > found) {
    breaks.add((last?.seq ?? 0) + 1, 'tenant-gap', String(claim.tenantSeq), String(found));
  } else if (claim.tenantSeq < found || claim.tenantHash !== last?.hash.toString('base64')) {
    breaks.add(
      last?.seq ?? 0,
      'tenant-fork',
      `${String(claim.tenantSeq)} ${claim.tenantHash}`,
      `${String(found)} ${last?.hash.toString('base64') ?? 'none'}`,
    );
  }
}
