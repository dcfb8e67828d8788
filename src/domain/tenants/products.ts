import { DomainError } from '../../errors/problems';
import type { CatalogueEntry } from '../../contracts/catalogue';
import { keysetParams, pageOf, positionOf } from '../../platform/cursors';
import type { Keyset, Page } from '../../platform/cursors';
import type { Tx } from '../../platform/db';
import * as audit from '../audit/audit-entries';
import type { RequestSource } from '../identity/callers';

/** A product of the catalogue. */
export interface Product {
  readonly product: string;
  readonly name: string;
  readonly description: string;
  readonly trialDays: number;
  readonly requestable: boolean;
  readonly version: number;
  readonly updatedAt: Date;
}

const columns = `product, name, description, trial_days as "trialDays", requestable, version, updated_at as "updatedAt"`;

/** Brings the products of the catalogue file in; those that are there stay as they were edited. */
export async function loadCatalogue(tx: Tx, entries: readonly CatalogueEntry[]): Promise<void> {
  for (const entry of entries) {
    await tx.run(
      `insert into products (product, name, description, trial_days, requestable) values ($1, $2, $3, $4, $5)
       on conflict (product) do nothing`,
      [entry.product, entry.name, entry.description, entry.trial_days, entry.requestable],
    );
  }
}

/** Products that can be requested, newest first. */
export async function listCatalogue(tx: Tx, keyset: Keyset): Promise<Page<Product>> {
  const rows = await tx.rows<Product & { position_at: string; place: string }>(
    `select ${columns}, md5(product)::uuid as place, ${positionOf('created_at')} from products
     where requestable
       and ($1::timestamptz is null or (created_at, md5(product)::uuid) < ($1::timestamptz, $2::uuid))
     order by created_at desc, md5(product)::uuid desc limit $3`,
    keysetParams(keyset),
  );
  return pageOf(rows, keyset, (row) => row.place);
}

/**
 * A product that can be requested.
 * @throws DomainError `product-not-found`
 */
export async function requestableProduct(tx: Tx, name: string): Promise<Product> {
  const product = await findProduct(tx, name);
  if (!product?.requestable) throw new DomainError('product-not-found');
  return product;
}

/** A product, or undefined. */
export function findProduct(tx: Tx, name: string): Promise<Product | undefined> {
  return tx.maybe<Product>(`select ${columns} from products where product = $1`, [name]);
}

/**
 * Adds a product or changes it; one that stays the same keeps its version.
 * @throws DomainError `version-stale`
 */
export async function putProduct(
  tx: Tx,
  entry: CatalogueEntry,
  by: {
    readonly actorId: string;
    readonly version: number | undefined;
    readonly source: RequestSource;
  },
): Promise<Product> {
  const before = await tx.maybe<Product>(
    `select ${columns} from products where product = $1 for no key update`,
    [entry.product],
  );
  if (by.version !== undefined && by.version !== before?.version) {
    throw new DomainError('version-stale', {
      extra: before ? { current_etag: `"v${String(before.version)}"` } : {},
    });
  }
  if (before && isSame(before, entry)) return before;
  const product = await tx.one<Product>(
    `insert into products (product, name, description, trial_days, requestable) values ($1, $2, $3, $4, $5)
     on conflict (product) do update set name = excluded.name, description = excluded.description,
       trial_days = excluded.trial_days, requestable = excluded.requestable, version = products.version + 1,
       updated_at = now()
     returning ${columns}`,
    [entry.product, entry.name, entry.description, entry.trial_days, entry.requestable],
  );
  await audit.append(tx, {
    action: 'product.changed',
    crud: before ? 'u' : 'c',
    actorId: by.actorId,
    targets: [{ type: 'product', id: entry.product, name: entry.name }],
    metadata: { trial_days: entry.trial_days, requestable: entry.requestable },
    sourceIp: by.source.ip,
    userAgent: by.source.userAgent,
  });
  return product;
}

function isSame(product: Product, entry: CatalogueEntry): boolean {
  return (
    product.name === entry.name &&
    product.description === entry.description &&
    product.trialDays === entry.trial_days &&
    product.requestable === entry.requestable
  );
}
