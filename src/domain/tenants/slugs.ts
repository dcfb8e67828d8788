import { randomInt } from 'node:crypto';
import { DomainError } from '../../errors/problems';
import type { Tx } from '../../platform/db';
import { isUuid } from '../../platform/ids';

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
  'admin api app assets audit auth billing by-slug cabinet catalog console dashboard docs events flags health healthz help internal invite invites login logout mail me metrics onboarding openapi partner partners payouts prices problems readyz reports root service-accounts static status support system tenant tenants usher users webhooks www'.split(
    ' ',
  ),
);

/**
 * Refuses a slug that is a part of the system, or has the form of an id: where either may name a tenant, it would hide
 * the tenant of that id.
 * @throws DomainError `slug-taken`
 */
export function requireFreeWord(slug: string): void {
  if (isUuid(slug)) {
    throw new DomainError('slug-taken', { detail: `The slug ${slug} has the form of an id.` });
  }
  if (reservedSlugs.has(slug)) {
    throw new DomainError('slug-taken', { detail: `The slug ${slug} is reserved.` });
  }
}

/**
 * Makes a slug a tenant's, for good: who gives it up keeps it, so that old addresses lead on. Of two who want the
 * same one the second waits for the first.
 * @throws DomainError `slug-taken` when it is or was another tenant's
 */
export async function claimSlug(tx: Tx, slug: string, tenantId: string): Promise<void> {
  const claimed = await tx.run(
    `insert into tenant_slugs (slug, tenant_id)
     select $1, $2 where not exists (select 1 from tenants where slug = $1 and id <> $2)
     on conflict (slug) do nothing`,
    [slug, tenantId],
  );
  if (claimed > 0) return;
  const mine = await tx.maybe('select 1 from tenant_slugs where slug = $1 and tenant_id = $2', [
    slug,
    tenantId,
  ]);
  if (!mine) throw new DomainError('slug-taken', { extra: { slug } });
}

/** Frees every slug of a tenant that never came to life, but for the one that it has now. */
export async function releaseSlugs(tx: Tx, tenantId: string): Promise<void> {
  await tx.run(
    `delete from tenant_slugs as s using tenants as t
     where s.tenant_id = $1 and t.id = s.tenant_id and s.slug <> t.slug`,
    [tenantId],
  );
}

/** The tenant that has or had a slug, and the slug that it has now. */
export function resolveSlug(
  tx: Tx,
  slug: string,
): Promise<{ tenantId: string; current: string } | undefined> {
  return tx.maybe(
    `select t.id as "tenantId", t.slug as current from tenants as t
     where t.slug = $1 or t.id = (select tenant_id from tenant_slugs where slug = $1)
     order by (t.slug = $1) desc limit 1`,
    [slug],
  );
}
