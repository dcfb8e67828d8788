import type { AuditSearch } from '../src/contracts/audit';
import { settleEntries } from '../src/domain/audit/freshness';
import { listEntries } from '../src/domain/audit/query';
import type { EntryFilter } from '../src/domain/audit/query';
import type { ReadNotes } from '../src/domain/audit/reads';
import { findAccountByEmail } from '../src/domain/identity/accounts';
import { userIdsByEmail } from '../src/domain/identity/people';
import { tenantIdsBySlug, tenantIdsOfPartner } from '../src/domain/tenants/labels';
import { getPartner } from '../src/domain/tenants/partners';
import type { Tx } from '../src/platform/db';
import { toAnswers } from './audit-answers';
import type { AuditScope } from './audit-scopes';
import type { Call } from './endpoint';
import { requestSource } from './middleware/authenticate';

/** Most tenants or people that a text is looked up in; whoever matches more is not searching but reading. */
const mostMeanings = 200;

/**
 * A page of the audit log as a caller may see it, with everything in it that was written before; the reading is noted.
 * `X-Audit-Lag` says so where that cannot be had.
 */
export async function listAuditPage(
  readNotes: ReadNotes,
  call: Pick<Call, 'caller' | 'ip' | 'userAgent'>,
  scope: AuditScope,
  query: AuditSearch,
  by: { readonly order: 'asc' | 'desc'; readonly before?: number | undefined },
) {
  const { limit, cursor = 0, order = by.order, ...wanted } = query;
  const tenantId = scope.tenantId ?? query.tenant_id ?? null;
  const lag = await settleEntries(scope.open, tenantId);
  const body = await scope.open(async (tx) => {
    const { actorId } = call.caller;
    await readNotes.note(tx, { actorId, tenantId, query: wanted, source: requestSource(call) });
    const filter = await filterOf(tx, query, scope.tenantId);
    const page = { order, limit, cursor, before: by.before };
    const { entries, next } = await listEntries(tx, filter, page);
    return { items: await toAnswers(tx, entries, scope.tenantId), next_cursor: next };
  });
  return { status: 200, body, headers: lagHeader(lag) } as const;
}

/** What a query asks of entries, with what its texts mean outside of the log. */
export async function filterOf(
  tx: Tx,
  query: Partial<AuditSearch>,
  ofTenant: string | null,
): Promise<EntryFilter> {
  const { q, tenant_id: tenantId } = query;
  return {
    tenantId: ofTenant ?? tenantId,
    product: query.product,
    actorId: query.actor_id,
    action: query.action,
    targetId: query.target_id,
    outcome: query.outcome,
    requestId: query.request_id,
    since: query.since,
    until: query.until,
    source: query.source,
    partner: query.partner === undefined ? undefined : await partnerOf(tx, query.partner),
    actorEmail: query.actor_email === undefined ? undefined : await emailOf(tx, query.actor_email),
    text:
      q === undefined
        ? undefined
        : {
            text: q,
            tenantIds: await tenantIdsBySlug(tx, q, mostMeanings),
            actorIds: actorIds(await userIdsByEmail(tx, q, ofTenant, mostMeanings)),
          },
  };
}

async function partnerOf(tx: Tx, idOrSlug: string) {
  const { id } = await getPartner(tx, idOrSlug);
  return { id, tenantIds: await tenantIdsOfPartner(tx, id) };
}

async function emailOf(tx: Tx, email: string) {
  const account = await findAccountByEmail(tx, email);
  return { text: email, actorIds: actorIds(account ? [account.id] : []) };
}

const actorIds = (userIds: readonly string[]): string[] => userIds.map((id) => `user:${id}`);

/** How old the answer may be; nothing for an answer that is complete. */
export const lagHeader = (seconds: number | undefined): Readonly<Record<string, string>> =>
  seconds === undefined ? {} : { 'X-Audit-Lag': seconds.toFixed(3) };
