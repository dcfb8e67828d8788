import type { TenantRole } from '../../contracts/identity';
import { DomainError } from '../../errors/problems';
import type { FieldError } from '../../errors/problems';
import { parseRange } from '../../platform/client-addresses';
import type { Tx } from '../../platform/db';
import { planOf } from '../tenants/plans.rules';
import type { Plan } from '../tenants/plans.rules';
import { lockTenant } from '../tenants/tenants';
import type { Tenant } from '../tenants/tenants';
import { countLiveKeys } from './api-keys';
import type { NewApiKey } from './api-keys';
import { mayGiveRole } from './issuers.rules';
import type { Issuer } from './issuers.rules';
import { excessOf, excessOfKeys, limitsUnder } from './plan-limits.rules';
import type { Excess, KeyLimits, Rate, WantedLimits } from './plan-limits.rules';
import { scopeMistakes, scopesBeyond, sortedScopes } from './scopes.rules';

/** What somebody wants a key to have; what it has already is not asked about again. */
export interface WantedReach {
  readonly scopes: readonly string[];
  readonly role: TenantRole | null;
  readonly kept?: readonly string[];
}

/**
 * Scopes and role that an issuer may give to a key.
 * @returns the scopes, sorted and without repetitions
 * @throws DomainError `validation-failed` for a scope that does not exist, `scope-planned`, `scope-too-high`,
 *   `role-too-high`
 */
export function requireReach(issuer: Issuer, wanted: WantedReach): string[] {
  const { scopes, role, kept = [] } = wanted;
  const isNew = (scope: string): boolean => !kept.includes(scope);
  const mistakes = scopeMistakes(scopes);
  const unknown = mistakes.unknown.filter((index) => isNew(scopes[index] ?? ''));
  const planned = mistakes.planned.filter(isNew);
  if (unknown.length > 0) {
    throw new DomainError('validation-failed', {
      errors: unknown.map((index) => ({
        pointer: `/scopes/${String(index)}`,
        message: 'is no scope; GET /v1/api-keys/scopes lists them',
      })),
    });
  }
  if (planned.length > 0) {
    throw new DomainError('scope-planned', {
      detail: `Planned and not given out yet: ${planned.join(', ')}.`,
      extra: { scopes: planned },
    });
  }
  requireHeld(issuer, { scopes: scopes.filter(isNew), role });
  return sortedScopes(scopes);
}

/**
 * Refuses to hand a key to somebody who could not have issued it; its scopes may be such as are not given out any more.
 * @throws DomainError `scope-too-high`, `role-too-high`
 */
export function requireHeld(
  issuer: Issuer,
  wanted: { readonly scopes: readonly string[]; readonly role: TenantRole | null },
): void {
  const beyond = scopesBeyond(wanted.scopes, issuer.held);
  if (beyond.length > 0) {
    throw new DomainError('scope-too-high', {
      detail: `Not yours to give: ${beyond.join(', ')}.`,
      extra: { scopes: beyond },
    });
  }
  if (wanted.role !== null && !mayGiveRole(issuer, wanted.role)) {
    throw new DomainError('role-too-high', {
      detail: `A key may be no more than its issuer; ${wanted.role} is above you.`,
    });
  }
}

/**
 * Address ranges in the form that they are stored in.
 * @throws DomainError `validation-failed` with a pointer for each that is none
 */
export function rangesOf(texts: readonly string[]): string[] {
  const parsed = texts.map(parseRange);
  const errors: FieldError[] = parsed.flatMap((range, index) =>
    range
      ? []
      : [
          {
            pointer: `/allowed_cidrs/${String(index)}`,
            message: 'must be an address or a CIDR range',
          },
        ],
  );
  if (errors.length > 0) throw new DomainError('validation-failed', { errors });
  return parsed.flatMap((range) => (range ? [`${range.address}/${String(range.bits)}`] : []));
}

// An expiry has to lie ahead, by the clock that will judge it.
async function expiryAhead(tx: Tx, text: string | undefined): Promise<Date | null> {
  if (text === undefined) return null;
  const at = new Date(text);
  const { ahead } = await tx.one<{ ahead: boolean }>(
    'select $1::timestamptz > clock_timestamp() as ahead',
    [at],
  );
  if (ahead) return at;
  throw new DomainError('validation-failed', {
    errors: [{ pointer: '/expires_at', message: 'must lie in the future' }],
  });
}

const withKeys: readonly string[] = ['pending', 'trial', 'active'];

/**
 * Locks the tenant of a key to be, so that keys are counted one request after the other, and finds its plan.
 * @throws DomainError `tenant-not-found`, `tenant-without-keys`
 */
export async function lockIssuingTenant(
  tx: Tx,
  tenantId: string,
): Promise<{ tenant: Tenant; plan: Plan }> {
  const tenant = await lockTenant(tx, tenantId);
  if (!withKeys.includes(tenant.status)) {
    throw new DomainError('tenant-without-keys', {
      detail: `The tenant is ${tenant.status}.`,
      extra: { status: tenant.status },
    });
  }
  return { tenant, plan: planOf(tenant.plan) };
}

/**
 * The limits of a key: what was asked for within the plan, else what the plan sets.
 * @throws DomainError `plan-limit-reached`
 */
export function requireLimits(plan: Plan, wanted: WantedLimits): KeyLimits {
  const limits = limitsUnder(plan, wanted);
  refuseExcess(excessOf(plan, limits));
  return limits;
}

/**
 * Refuses one key more than the plan allows; the tenant has to be locked.
 * @throws DomainError `plan-limit-reached`
 */
export async function requireRoom(tx: Tx, plan: Plan, tenantId: string): Promise<void> {
  refuseExcess(excessOfKeys(plan, await countLiveKeys(tx, tenantId)));
}

function refuseExcess(excess: Excess | null): void {
  if (!excess) return;
  const { of, limit, windowSeconds } = excess;
  const bounds = {
    keys: `It has ${String(limit)} live keys at most.`,
    rate_limit: `A key gets ${String(limit)} in ${String(windowSeconds)} seconds at most.`,
    usage_limit: `A key gets ${String(limit)} units at most.`,
  };
  throw new DomainError('plan-limit-reached', { detail: bounds[of], extra: { of, limit } });
}

/** A key as somebody asks for it, before it has a text or a hash. */
export interface WantedKey {
  readonly tenantId: string;
  readonly name: string;
  readonly product: string | null;
  readonly scopes: readonly string[];
  readonly role: TenantRole | null;
  /** RFC 3339 */
  readonly expiresAt: string | undefined;
  readonly allowedCidrs: readonly string[];
  readonly rate: Rate | undefined;
  readonly usageLimit: number | undefined;
  readonly usageLimitStrict: boolean;
}

/** What of a new row does not hang on its text. */
export type AdmittedKey = Omit<
  NewApiKey,
  'id' | 'familyId' | 'prefix' | 'digest' | 'environment' | 'imported'
>;

/**
 * Lets a new key in, within what its issuer may give and the plan of its tenant allows; the tenant stays locked.
 * @throws DomainError `tenant-not-found`, `tenant-without-keys`, `plan-limit-reached`, `role-too-high`,
 *   `scope-too-high`, `scope-planned`, `validation-failed`
 */
export async function admitKey(tx: Tx, issuer: Issuer, wanted: WantedKey): Promise<AdmittedKey> {
  const scopes = requireReach(issuer, wanted);
  const allowedCidrs = rangesOf(wanted.allowedCidrs);
  const expiresAt = await expiryAhead(tx, wanted.expiresAt);
  const { tenant, plan } = await lockIssuingTenant(tx, wanted.tenantId);
  const limits = requireLimits(plan, { rate: wanted.rate, usage: wanted.usageLimit });
  await requireRoom(tx, plan, tenant.id);
  return {
    tenantId: tenant.id,
    name: wanted.name,
    product: wanted.product,
    scopes,
    role: wanted.role,
    allowedCidrs,
    rate: limits.rate,
    usageLimit: limits.usage,
    usageLimitStrict: wanted.usageLimitStrict,
    expiresAt,
    createdBy: issuer.actorId,
    createdByAdmin: issuer.staff,
  };
}
