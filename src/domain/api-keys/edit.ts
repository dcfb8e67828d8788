import { DomainError } from '../../errors/problems';
import type { Tx } from '../../platform/db';
import type { RequestSource } from '../identity/callers';
import { planOf } from '../tenants/plans.rules';
import { lockTenant } from '../tenants/tenants';
import { checkVersion, lockApiKey, updateApiKey, updateRateOfFamily } from './api-keys';
import type { ApiKey } from './api-keys';
import type { Issuer } from './issuers.rules';
import type { Rate } from './plan-limits.rules';
import { rangesOf, requireLimits, requireReach } from './reach';
import { auditKey, emitKeyEvent } from './records';

/** What somebody wants changed of a key; null for a limit means what the plan sets. */
export interface WantedChanges {
  readonly name?: string | undefined;
  readonly scopes?: readonly string[] | undefined;
  readonly allowedCidrs?: readonly string[] | undefined;
  readonly rate?: Rate | null | undefined;
  readonly usageLimit?: number | null | undefined;
  readonly usageLimitStrict?: boolean | undefined;
}

/**
 * Changes a key that lives, within what the editor may give and the plan allows. Scopes that it has already may stay,
 * whoever has given them. A rate is that of the whole rotation family, as what is counted is: under windows of two
 * lengths each use would begin to count anew.
 * @throws DomainError `api-key-not-found`, `version-stale`, `api-key-dead`, `plan-limit-reached`, `scope-too-high`,
 *   `scope-planned`, `validation-failed`
 */
export async function editKey(
  tx: Tx,
  editor: Issuer,
  ref: { readonly id: string; readonly version: number | undefined },
  wanted: WantedChanges,
  source: RequestSource,
): Promise<ApiKey> {
  const key = await lockApiKey(tx, ref.id);
  checkVersion(key, ref.version);
  if (!isAlive(key)) throw new DomainError('api-key-dead', { extra: { status: key.status } });
  const { plan: planName } = await lockTenant(tx, key.tenantId);
  const plan = planOf(planName);
  const limits = requireLimits(plan, { rate: wanted.rate, usage: wanted.usageLimit });
  const scopes =
    wanted.scopes && requireReach(editor, { scopes: wanted.scopes, role: null, kept: key.scopes });
  const changed = await updateApiKey(tx, key.id, {
    name: wanted.name,
    scopes,
    allowedCidrs: wanted.allowedCidrs && rangesOf(wanted.allowedCidrs),
    rate: wanted.rate === undefined ? undefined : limits.rate,
    usageLimit: wanted.usageLimit === undefined ? undefined : limits.usage,
    usageLimitStrict: wanted.usageLimitStrict,
  });
  if (changed.name !== key.name) await emitKeyEvent(tx, 'cabinet.apikey.renamed.v1', key);
  await auditKey(tx, 'apikey.changed', changed, {
    actorId: editor.actorId,
    source,
    metadata: { changed: namesOf(wanted).join(' '), scopes: changed.scopes.join(' ') },
  });
  if (wanted.rate !== undefined) {
    for (const other of await updateRateOfFamily(tx, changed)) {
      await auditKey(tx, 'apikey.changed', other, {
        actorId: editor.actorId,
        source,
        metadata: { changed: 'rate_limit', with_key: key.id },
      });
    }
  }
  return changed;
}

/** Whether a key can verify, now or once it is unblocked. */
export function isAlive(key: Pick<ApiKey, 'status'>): boolean {
  return key.status === 'active' || key.status === 'blocked';
}

function namesOf(wanted: WantedChanges): string[] {
  const members = {
    name: wanted.name,
    scopes: wanted.scopes,
    allowed_cidrs: wanted.allowedCidrs,
    rate_limit: wanted.rate,
    usage_limit: wanted.usageLimit,
    usage_limit_strict: wanted.usageLimitStrict,
  };
  return Object.entries(members).flatMap(([name, value]) => (value === undefined ? [] : [name]));
}
