import { DomainError } from '../../errors/problems';
import { keysetParams, pageOf, positionOf } from '../../platform/cursors';
import type { Keyset, Page } from '../../platform/cursors';
import type { Tx } from '../../platform/db';
import { isUuid, newId } from '../../platform/ids';
import * as audit from '../audit/audit-entries';

/** A reseller that owns tenants. */
export interface Partner {
  readonly id: string;
  readonly slug: string;
  readonly name: string;
  readonly status: 'active' | 'terminated';
  readonly version: number;
  readonly createdAt: Date;
}

const columns = `id, slug, name, status, version, created_at as "createdAt"`;

/**
 * Whether a text can be the slug of a partner: 3 to 40 of a-z, 0-9 and inner hyphens, no two in a row, and not the form
 * of an id, by which partners are named as well.
 */
export function isPartnerSlug(slug: string): boolean {
  return /^[a-z0-9][a-z0-9-]{1,38}[a-z0-9]$/.test(slug) && !slug.includes('--') && !isUuid(slug);
}

/**
 * Creates a partner.
 * @throws DomainError `validation-failed` for a slug of the wrong form, `slug-taken`
 */
export async function createPartner(
  tx: Tx,
  input: {
    readonly slug: string;
    readonly name: string;
    readonly actorId: string;
    readonly component?: 'api' | 'cli';
  },
): Promise<Partner> {
  const name = input.name.trim();
  const errors = [
    ...(isPartnerSlug(input.slug)
      ? []
      : [
          { pointer: '/slug', message: 'must be 3 to 40 of a-z, 0-9 and inner hyphens, and no id' },
        ]),
    ...(name.length >= 1 && name.length <= 200
      ? []
      : [{ pointer: '/name', message: 'must have 1 to 200 characters' }]),
  ];
  if (errors.length > 0) throw new DomainError('validation-failed', { errors });
  const partner = await tx.maybe<Partner>(
    `insert into partners (id, slug, name) values ($1, $2, $3) on conflict (slug) do nothing
     returning ${columns}`,
    [newId(), input.slug, name],
  );
  if (!partner) throw new DomainError('slug-taken', { extra: { slug: input.slug } });
  await audit.append(tx, {
    action: 'partner.created',
    crud: 'c',
    actorId: input.actorId,
    partnerId: partner.id,
    targets: [{ type: 'partner', id: partner.id, name: partner.slug }],
    component: input.component ?? 'api',
  });
  return partner;
}

/** The partner of an id or a slug. */
export function findPartner(tx: Tx, idOrSlug: string): Promise<Partner | undefined> {
  const column = isUuid(idOrSlug) ? 'id' : 'slug';
  return tx.maybe<Partner>(`select ${columns} from partners where ${column} = $1`, [idOrSlug]);
}

/**
 * The partner of an id or a slug.
 * @throws DomainError `partner-not-found`
 */
export async function getPartner(tx: Tx, idOrSlug: string): Promise<Partner> {
  const partner = await findPartner(tx, idOrSlug);
  if (!partner) throw new DomainError('partner-not-found');
  return partner;
}

/** Partners, newest first. */
export async function listPartners(tx: Tx, keyset: Keyset): Promise<Page<Partner>> {
  const rows = await tx.rows<Partner & { position_at: string }>(
    `select ${columns}, ${positionOf('created_at')} from partners
     where ($1::timestamptz is null or (created_at, id) < ($1::timestamptz, $2::uuid))
     order by created_at desc, id desc limit $3`,
    keysetParams(keyset),
  );
  return pageOf(rows, keyset, (row) => row.id);
}
