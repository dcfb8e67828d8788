import { createHash, randomInt } from 'node:crypto';
import { DomainError } from '../../errors/problems';
import type { Tx } from '../../platform/db';
import { newId } from '../../platform/ids';
import * as audit from '../audit/audit-entries';

/** A tenant as the other domains see it. */
export interface Tenant {
  readonly id: string;
  readonly slug: string;
  readonly name: string;
  readonly status: string;
  readonly plan: string;
  readonly kind: string;
  readonly partnerId: string | null;
  readonly bucket: number;
}

const columns = `id, slug, name, status, plan, kind, partner_id as "partnerId", bucket`;

/** A tenant that an invite brings with it. */
export interface NewTenant {
  readonly slug?: string | undefined;
  readonly name?: string | undefined;
  readonly plan?: string | undefined;
  readonly kind?: string | undefined;
  readonly partnerId?: string | undefined;
}

/** A tenant's stable roll-out position: sha256(id) mod 100. */
export function bucketOf(tenantId: string): number {
  const digest = createHash('sha256').update(tenantId).digest('hex');
  return Number(BigInt(`0x${digest}`) % 100n);
}

// No look-alikes, so that a slug can be read out on the telephone.
const slugAlphabet = 'abcdefghjkmnpqrstuvwxyz23456789';

/** A slug from an address's local part plus six random characters. */
export function slugFrom(localPart: string): string {
  const base = localPart
    .normalize('NFKD')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .replace(/^xn-/, 'x-')
    .slice(0, 33)
    .replace(/-+$/, '');
  const tail = Array.from({ length: 6 }, () => slugAlphabet.charAt(randomInt(slugAlphabet.length)));
  return `${base === '' ? 'tenant' : base}-${tail.join('')}`;
}

/** Slugs that would be mistaken for a part of the system. */
const reservedSlugs = new Set(
  'admin api app assets audit auth billing console dashboard docs health healthz help internal invite login mail me metrics onboarding partner partners prices readyz root status support system tenant tenants usher users www'.split(
    ' ',
  ),
);

/**
 * Creates a tenant in status `pending`, which only an onboarding moves to `active`.
 * @throws DomainError `slug-taken`
 */
export async function createPendingTenant(
  tx: Tx,
  input: NewTenant & { readonly slug: string; readonly actorId: string },
): Promise<Tenant> {
  if (reservedSlugs.has(input.slug)) {
    throw new DomainError('slug-taken', { detail: `The slug ${input.slug} is reserved.` });
  }
  const id = newId();
  const tenant = await tx.maybe<Tenant>(
    `insert into tenants (id, slug, name, status, plan, kind, partner_id, bucket)
     values ($1, $2, $3, 'pending', $4, $5, $6, $7) on conflict (slug) do nothing returning ${columns}`,
    [
      id,
      input.slug,
      input.name ?? input.slug,
      input.plan ?? 'starter',
      input.kind ?? 'customer',
      input.partnerId ?? null,
      bucketOf(id),
    ],
  );
  if (!tenant) throw new DomainError('slug-taken', { extra: { slug: input.slug } });
  await audit.append(tx, {
    action: 'tenant.created',
    crud: 'c',
    actorId: input.actorId,
    tenantId: id,
    targets: [{ type: 'tenant', id, name: tenant.slug }],
    metadata: { status: 'pending', plan: tenant.plan, kind: tenant.kind },
  });
  return tenant;
}

/** The tenant of an id, locked against a change of its status until the transaction ends. */
export async function lockTenant(tx: Tx, tenantId: string): Promise<Tenant> {
  const tenant = await tx.maybe<Tenant>(
    `select ${columns} from tenants where id = $1 for no key update`,
    [tenantId],
  );
  if (!tenant) throw new DomainError('tenant-not-found');
  return tenant;
}

/** The tenant of an id or slug, or undefined. */
export function findTenant(tx: Tx, idOrSlug: string): Promise<Tenant | undefined> {
  return tx.maybe<Tenant>(`select ${columns} from tenants where id::text = $1 or slug = $1`, [
    idOrSlug,
  ]);
}

/** Makes a pending tenant active; a trial stays a trial. Part of the activation transaction. */
export async function activateTenant(tx: Tx, tenantId: string): Promise<void> {
  await tx.run(
    `update tenants set status = case status when 'pending' then 'active' else status end,
       activated_at = coalesce(activated_at, now()), version = version + 1, updated_at = now()
     where id = $1 and status in ('pending', 'trial', 'active')`,
    [tenantId],
  );
}

/** Frees the slug of a pending tenant that nobody can join any more; its row stays as deleted. */
export async function freePendingTenant(
  tx: Tx,
  tenantId: string,
  actorId: string,
): Promise<boolean> {
  const freed = await tx.run(
    `update tenants set status = 'deleted', former_status = 'pending', version = version + 1, updated_at = now(),
       slug = left(slug, 20) || '-freed-' || right(replace(id::text, '-', ''), 12)
     where id = $1 and status = 'pending'`,
    [tenantId],
  );
  if (freed === 0) return false;
  await audit.append(tx, {
    action: 'tenant.freed',
    crud: 'd',
    actorId,
    tenantId,
    targets: [{ type: 'tenant', id: tenantId }],
  });
  return true;
}
