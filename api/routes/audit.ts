import type { AuditEventGiven, auditEndpoints } from '../../src/contracts/audit';
import * as audit from '../../src/domain/audit/audit-entries';
import { appendForeign } from '../../src/domain/audit/foreign-entries';
import type { Receipt } from '../../src/domain/audit/foreign-entries';
import { settleEntries } from '../../src/domain/audit/freshness';
import { findEntry, seqsOf } from '../../src/domain/audit/log-entries';
import type { ReadNotes } from '../../src/domain/audit/reads';
import { DomainError } from '../../src/errors/problems';
import { withOperator } from '../../src/platform/db';
import type { Database } from '../../src/platform/db';
import { toAnswers } from '../audit-answers';
import { lagHeader, listAuditPage } from '../audit-lists';
import { auditScopes, onlyScope } from '../audit-scopes';
import type { Call, Handlers } from '../endpoint';
import { requestSource } from '../middleware/authenticate';
import { once } from '../middleware/idempotency';
import { pollUntil } from '../poll';

/** What appending to the audit log and reading it uses. */
export interface AuditRouteDeps {
  readonly db: Database;
  readonly readNotes: ReadNotes;
}

/** Longest time that an append waits for its entries to be in the log, in milliseconds. */
const sequencedWithinMs = 5_000;

/** The audit log: append, list, search, one entry. */
export function createAuditRoutes(
  deps: AuditRouteDeps,
): Pick<
  Handlers<typeof auditEndpoints>,
  'appendAuditEvents' | 'listAuditEntries' | 'searchAuditEntries' | 'getAuditEntry'
> {
  const { db, readNotes } = deps;
  return {
    async appendAuditEvents({ caller, query, body, idempotency, ip, userAgent }) {
      const { actorId } = caller;
      const events = listOf(body);
      const single = !('events' in body) && !Array.isArray(body);
      const stored = await withOperator(db, actorId, (tx) =>
        once(idempotency, tx, async () => {
          const receipts = await appendForeign(tx, actorId, events);
          return { status: 201, body: receiptsOf(receipts, single) } as const;
        }),
      ).catch(async (error: unknown) => {
        await noteConflict(db, actorId, requestSource({ ip, userAgent }), error);
        throw error;
      });
      if (query.wait !== 'sequenced') return stored;
      return withSeqs(db, actorId, stored);
    },

    async listAuditEntries(call) {
      const { query } = call;
      const scope = onlyScope(auditScopes(db, call.caller), query.tenant_id);
      return listAuditPage(readNotes, call, scope, query, { order: 'asc' });
    },

    async searchAuditEntries(call) {
      const scope = onlyScope(auditScopes(db, call.caller), undefined);
      return listAuditPage(readNotes, call, scope, call.query, {
        order: 'desc',
        before: call.query.before,
      });
    },

    async getAuditEntry(call) {
      const { caller, params } = call;
      for (const scope of auditScopes(db, caller)) {
        const lag = await settleEntries(scope.open, scope.tenantId);
        const [answer, leaf] = await scope.open(async (tx) => {
          const entry = await findEntry(tx, params.id);
          if (!entry) return [];
          await readNotes.note(tx, {
            actorId: caller.actorId,
            tenantId: entry.core.tenant_id ?? null,
            query: params,
            source: requestSource(call),
          });
          return [(await toAnswers(tx, [entry], scope.tenantId))[0], entry.leaf] as const;
        });
        if (answer) {
          return { status: 200, body: { ...answer, leaf: leaf ?? '' }, headers: lagHeader(lag) };
        }
      }
      throw new DomainError('audit-entry-not-found');
    },
  };
}

type Body = Call<(typeof auditEndpoints)[0]>['body'];

function listOf(body: Body): readonly AuditEventGiven[] {
  if (Array.isArray(body)) return body;
  return 'events' in body ? body.events : [body];
}

function receiptsOf(receipts: readonly Receipt[], single: boolean) {
  const items = receipts.map(({ id, contentHash, duplicate }) => ({
    id,
    content_hash: contentHash.toString('hex'),
    duplicate,
  }));
  const [first] = items;
  if (!single || !first) return { items };
  const { duplicate, ...receipt } = first;
  return duplicate ? first : receipt;
}

/** The numbers of what was appended, once it has them; 202 when that takes too long. */
async function withSeqs<R extends { readonly body: ReturnType<typeof receiptsOf> }>(
  db: Database,
  actorId: string,
  reply: R,
) {
  const items = 'items' in reply.body ? reply.body.items : [reply.body];
  const ids = items.map(({ id }) => id);
  const seqs = await pollUntil(
    () => withOperator(db, actorId, (tx) => seqsOf(tx, ids), { readOnly: true }),
    (found) => ids.every((id) => found.has(id)),
    sequencedWithinMs,
  );
  const numbered = items.map((item) => ({ ...item, seq: seqs.get(item.id) ?? null }));
  const [first] = numbered;
  const body = 'items' in reply.body || !first ? { items: numbered } : first;
  const status = ids.every((id) => seqs.has(id)) ? 201 : 202;
  return { ...reply, status, body } as const;
}

// The transaction of the refused delivery is undone, and its entry must not be.
async function noteConflict(
  db: Database,
  actorId: string,
  source: { readonly ip: string | null; readonly userAgent: string | null },
  error: unknown,
): Promise<void> {
  if (!(error instanceof DomainError) || error.code !== 'external-id-conflict') return;
  const { external_id: externalId, source: system } = error.context.extra ?? {};
  await withOperator(db, actorId, (tx) =>
    audit.append(tx, {
      action: 'audit.delivery_refused',
      crud: 'c',
      outcome: 'denied',
      actorId,
      metadata: { source: text(system), external_id: text(externalId) },
      sourceIp: source.ip,
      userAgent: source.userAgent,
    }),
  );
}

const text = (value: unknown): string | null => (typeof value === 'string' ? value : null);
