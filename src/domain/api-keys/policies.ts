import { DomainError } from '../../errors/problems';
import type { Tx } from '../../platform/db';
import * as audit from '../audit/audit-entries';
import type { RequestSource } from '../identity/callers';
import { findTenant } from '../tenants/tenants';

/** What Usher does by itself with the keys of a tenant. */
export interface KeyPolicy {
  readonly tenantId: string;
  /** Age of a key at which a rotation is requested; null: never. */
  readonly rotateAfterDays: number | null;
  readonly onLeak: 'revoke' | 'grace';
  readonly leakGraceSeconds: number;
  /** 0 while nobody has set any. */
  readonly version: number;
}

const columns = `tenant_id as "tenantId", rotate_after_days as "rotateAfterDays", on_leak as "onLeak",
  leak_grace_seconds as "leakGraceSeconds", version`;

/** The policy of a tenant; without a row a leaked key is revoked, and nothing is rotated by age. */
export async function policyOf(tx: Tx, tenantId: string): Promise<KeyPolicy> {
  const policy = await tx.maybe<KeyPolicy>(
    `select ${columns} from key_policies where tenant_id = $1`,
    [tenantId],
  );
  return (
    policy ?? {
      tenantId,
      rotateAfterDays: null,
      onLeak: 'revoke',
      leakGraceSeconds: 86_400,
      version: 0,
    }
  );
}

/**
 * The policy of a tenant that exists.
 * @throws DomainError `tenant-not-found`
 */
export async function getPolicy(tx: Tx, tenantId: string): Promise<KeyPolicy> {
  if (!(await findTenant(tx, tenantId))) throw new DomainError('tenant-not-found');
  return policyOf(tx, tenantId);
}

/**
 * Sets the policy of a tenant.
 * @throws DomainError `tenant-not-found`
 */
export async function putPolicy(
  tx: Tx,
  policy: Omit<KeyPolicy, 'version'>,
  by: { readonly actorId: string; readonly source: RequestSource },
): Promise<KeyPolicy> {
  if (!(await findTenant(tx, policy.tenantId))) throw new DomainError('tenant-not-found');
  const put = await tx.one<KeyPolicy>(
    `insert into key_policies as p (tenant_id, rotate_after_days, on_leak, leak_grace_seconds, updated_by)
     values ($1, $2, $3, $4, $5)
     on conflict (tenant_id) do update set rotate_after_days = excluded.rotate_after_days,
       on_leak = excluded.on_leak, leak_grace_seconds = excluded.leak_grace_seconds,
       updated_by = excluded.updated_by, version = p.version + 1, updated_at = now()
     returning ${columns}`,
    [policy.tenantId, policy.rotateAfterDays, policy.onLeak, policy.leakGraceSeconds, by.actorId],
  );
  await audit.append(tx, {
    action: 'apikey.policy_set',
    crud: 'u',
    actorId: by.actorId,
    tenantId: policy.tenantId,
    targets: [{ type: 'tenant', id: policy.tenantId }],
    metadata: {
      rotate_after_days: put.rotateAfterDays,
      on_leak: put.onLeak,
      leak_grace_seconds: put.leakGraceSeconds,
    },
    sourceIp: by.source.ip,
    userAgent: by.source.userAgent,
  });
  return put;
}
