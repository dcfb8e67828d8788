import { once } from 'node:events';
import type { auditVerifyEndpoints } from '../../src/contracts/audit-verify';
import * as audit from '../../src/domain/audit/audit-entries';
import { csvLines } from '../../src/domain/audit/export/csv';
import { exportLog } from '../../src/domain/audit/export/export-log';
import type { ExportAccess } from '../../src/domain/audit/export/export-log';
import { settleEntries } from '../../src/domain/audit/freshness';
import { tileKey } from '../../src/domain/audit/proofs';
import { tilesOf } from '../../src/domain/audit/tiles';
import { verifyLog } from '../../src/domain/audit/verify/verify-log';
import type { Verdict } from '../../src/domain/audit/verify/verify-log';
import { DomainError } from '../../src/errors/problems';
import { withSystem } from '../../src/platform/db';
import type { Database } from '../../src/platform/db';
import { filterOf } from '../audit-lists';
import { auditScopes, onlyScope } from '../audit-scopes';
import type { AuditScope } from '../audit-scopes';
import type { Call, Handlers } from '../endpoint';
import { requestSource } from '../middleware/authenticate';
import { orderCheckpoint, orderSignature, signedWithinMs } from '../signatures';

/** Verifying the log, exports and tiles. */
export function createAuditVerifyRoutes({
  db,
}: {
  readonly db: Database;
}): Handlers<typeof auditVerifyEndpoints> {
  return {
    async verifyAudit(call) {
      const { query, headers } = call;
      if (!(headers.accept ?? '').includes('application/x-ndjson')) {
        const verdict = await verifyLog(db, query);
        await noteVerified(db, call, verdict);
        return { status: 200, body: toAnswer(verdict) };
      }
      const stream = (signal: AbortSignal) => verifying(db, call, signal);
      return { status: 200, body: { type: 'application/x-ndjson', stream } };
    },

    async exportAudit(call) {
      const { caller, query } = call;
      const { format, from_checkpoint: fromCheckpoint, ...wanted } = query;
      const scope = onlyScope(auditScopes(db, caller, 'audit:export'), query.tenant_id);
      const access = accessOf(db, scope, caller.actorId);
      const tenantId = scope.tenantId ?? query.tenant_id ?? null;
      await settleEntries(scope.open, tenantId, signedWithinMs);
      const asked = Object.fromEntries(
        Object.entries(wanted).flatMap(([name, value]) =>
          value === undefined || name === 'tenant_id' ? [] : [[name, value]],
        ),
      );
      const isPicked = Object.keys(asked).length > 0;
      const filter =
        isPicked || format === 'csv'
          ? await scope.open((tx) => filterOf(tx, wanted, scope.tenantId))
          : undefined;
      const checkpoint = await orderCheckpoint(db, caller.actorId);
      if (fromCheckpoint !== undefined && fromCheckpoint > checkpoint.size) {
        throw new DomainError('checkpoint-not-found');
      }
      await scope.open((tx) =>
        audit.append(tx, {
          action: 'audit.exported',
          crud: 'r',
          actorId: caller.actorId,
          tenantId,
          metadata: {
            by: Object.keys(wanted).sort().join(' '),
            format,
            size: checkpoint.size,
            complete: !isPicked,
          },
          ...sourced(call),
        }),
      );
      const name = `audit-${String(checkpoint.size)}.${format}`;
      const sent = { 'Content-Disposition': `attachment; filename="${name}"` };
      if (format === 'csv') {
        const stream = () => csvLines(access, tenantId, filter ?? {}, checkpoint);
        return { status: 200, body: { type: 'text/csv', stream }, headers: sent };
      }
      const plan = { tenantId, filter, asked, fromCheckpoint };
      const made = await exportLog({ ...access, checkpoint }, plan);
      const stream = () => made.lines();
      return { status: 200, body: { type: 'application/x-ndjson', stream }, headers: sent };
    },

    async getAuditTile({ caller, params }) {
      auditScopes(db, caller);
      const tiles = await withSystem(db, 'audit', (tx) => tilesOf(tx)([params]), {
        readOnly: true,
      });
      const tile = tiles.get(tileKey(params));
      if (!tile) throw new DomainError('tile-not-found');
      // eslint-disable-next-line @typescript-eslint/require-await -- one piece, of a body that comes in pieces
      const stream = async function* () {
        yield tile;
      };
      return { status: 200, body: { type: 'application/octet-stream', stream } };
    },
  };
}

type VerifyCall = Pick<Call, 'caller' | 'ip' | 'userAgent'> & {
  readonly query: { readonly from?: number | undefined; readonly to?: number | undefined };
};

/** Lines of progress, at most four a second, and the verdict as the last one. */
async function* verifying(
  db: Database,
  call: VerifyCall,
  signal: AbortSignal,
): AsyncGenerator<string> {
  const progress = new EventTarget();
  let seen = { verified: 0, of: 0 };
  let over = false;
  const work = verifyLog(db, {
    ...call.query,
    signal,
    onProgress: (verified, of) => {
      seen = { verified, of };
    },
  }).finally(() => {
    over = true;
    progress.dispatchEvent(new Event('over'));
  });
  work.catch(() => undefined);
  const isOver = (): boolean => over;
  while (!isOver()) {
    const timer = setTimeout(() => progress.dispatchEvent(new Event('over')), 250);
    await once(progress, 'over');
    clearTimeout(timer);
    if (!isOver()) yield `${JSON.stringify(seen)}\n`;
  }
  const verdict = await work;
  await noteVerified(db, call, verdict);
  yield `${JSON.stringify(toAnswer(verdict))}\n`;
}

function accessOf(
  db: Database,
  scope: AuditScope,
  actorId: string,
): Omit<ExportAccess, 'checkpoint'> {
  return {
    open: scope.open,
    openAll: (fn) => withSystem(db, 'audit', fn, { readOnly: true }),
    makeCheckpoint: () => orderCheckpoint(db, actorId).catch(() => undefined),
    sign: (request) => orderSignature(db, request, actorId),
  };
}

const sourced = (call: Pick<Call, 'ip' | 'userAgent'>) => {
  const { ip, userAgent } = requestSource(call);
  return { sourceIp: ip, userAgent };
};

function noteVerified(db: Database, call: VerifyCall, verdict: Verdict): Promise<unknown> {
  return withSystem(db, 'audit', (tx) =>
    audit.append(tx, {
      action: 'audit.verified',
      crud: 'r',
      outcome: verdict.ok ? 'success' : 'failure',
      actorId: call.caller.actorId,
      metadata: {
        from: call.query.from ?? null,
        to: call.query.to ?? null,
        ok: verdict.ok,
        verified: verdict.verified,
        break: verdict.break?.kind ?? null,
      },
      ...sourced(call),
    }),
  );
}

const toAnswer = (verdict: Verdict) => ({
  ok: verdict.ok,
  verified: verdict.verified,
  checkpoints: verdict.checkpoints,
  break: verdict.break,
  breaks: [...verdict.breaks],
  erased: verdict.erased,
  oldest_hot_seq: verdict.oldestHotSeq,
  highest_archived_seq: verdict.highestArchivedSeq,
  attested: verdict.attested,
});
