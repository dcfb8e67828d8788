import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Client } from 'pg';
import { createKeyHasher, newKey } from '../src/platform/crypto/keys';
import type { NamedKey } from '../src/platform/config-values';
import { newId } from '../src/platform/ids';

/** How many keys are stored, and how many of them are drawn from. */
export const stored = { keys: 200_000, drawn: 10_000, tenants: 1_000 } as const;

/** A key that is drawn, with its tenant. */
export interface DrawnKey {
  readonly id: string;
  readonly key: string;
  readonly tenantId: string;
}

/**
 * Stores tenants with an entitlement, and keys that were used before, with everything that can be checked, and returns
 * those to be drawn.
 */
export async function storeKeys(
  ownerUrl: string,
  peppers: readonly NamedKey[],
): Promise<DrawnKey[]> {
  const hasher = createKeyHasher(peppers, 'usher/api-key/v1');
  const client = new Client({ connectionString: ownerUrl });
  await client.connect();
  try {
    await client.query(`insert into products (product, name) values ('search', 'Search')`);
    const { rows: tenants } = await client.query<{ id: string }>(
      `insert into tenants (id, slug, name, status, plan, bucket)
       select gen_random_uuid(), 'bench-' || n, 'Bench ' || n, 'active', 'scale', n % 100 from generate_series(1, $1::int) as n
       returning id`,
      [stored.tenants],
    );
    await client.query(
      `insert into entitlements (tenant_id, product, status, source)
       select id, 'search', 'active', 'bench' from tenants where slug like 'bench-%'`,
    );
    const drawn = Array.from({ length: stored.drawn }, (_, index) => ({
      id: newId(),
      key: newKey('ush', 'live'),
      tenantId: tenants[index % tenants.length]?.id ?? '',
    }));
    const columns = `tenant_id, name, prefix, digest, pepper_id, environment, scopes, product, allowed_cidrs, rate_limit,
      rate_window_seconds, created_by, first_used_at`;
    const values = `'{products:read,search:read,whoami}'::text[], 'search', '{10.0.0.0/8,2001:db8::/32}'::cidr[], 1000000,
      60, 'system:bench', now()`;
    await client.query(
      `insert into api_keys (id, rotation_family_id, ${columns})
       select k.id, k.id, k.tenant, 'bench', k.prefix, k.digest, $5, 'live', ${values}
       from unnest($1::uuid[], $2::uuid[], $3::text[], $4::bytea[]) as k (id, tenant, prefix, digest)`,
      [
        drawn.map(({ id }) => id),
        drawn.map(({ tenantId }) => tenantId),
        drawn.map(({ key }) => key.slice(0, 17)),
        drawn.map(({ key }) => hasher.digest(key).digest),
        hasher.activePepperId,
      ],
    );
    await client.query(
      `insert into api_keys (id, rotation_family_id, ${columns})
       select k.id, k.id, ($1::uuid[])[1 + k.n % $2::int], 'bench', 'ush_live_bench', sha256(k.id::text::bytea), $3,
         'live', ${values}
       from (select gen_random_uuid() as id, n from generate_series(1, $4::int) as n) as k`,
      [
        tenants.map(({ id }) => id),
        tenants.length,
        hasher.activePepperId,
        stored.keys - stored.drawn,
      ],
    );
    // As in production after a while; the first runs would pay for it otherwise.
    await client.query('vacuum analyze api_keys');
    await client.query('analyze tenants, entitlements, products');
    return drawn;
  } finally {
    await client.end();
  }
}

/** Files of requests, whole, as they go over the wire: every check has its input. */
export interface RequestFiles {
  readonly post: string;
  readonly get: string;
  /** Keys that are well-formed and unknown, from 50 sources. */
  readonly bad: string;
}

const sources = 50;

/** Writes the requests for some keys. */
export function writeRequests(folder: string, keys: readonly DrawnKey[]): RequestFiles {
  const write = (name: string, requests: readonly string[]): string => {
    const file = join(folder, name);
    writeFileSync(file, JSON.stringify(requests));
    return file;
  };
  const bad = Array.from({ length: 5_000 }, () => newKey('ush', 'live'));
  return {
    post: write(
      'post.json',
      keys.map((key) => postOf(key)),
    ),
    get: write('get.json', keys.map(getOf)),
    bad: write(
      'bad.json',
      bad.map((key, index) => postOf({ key }, `192.0.2.${String(1 + (index % sources))}`)),
    ),
  };
}

function postOf({ key, tenantId }: { key: string; tenantId?: string }, ip = '10.1.2.3'): string {
  const body = JSON.stringify({
    key,
    tenant_id: tenantId,
    product: 'search',
    environment: 'live',
    scopes: ['products:read', 'search:read'],
    ip,
  });
  return [
    'POST /v1/internal/api-keys/verify HTTP/1.1',
    'Host: 127.0.0.1',
    'Content-Type: application/json',
    `Content-Length: ${String(Buffer.byteLength(body))}`,
    '',
    body,
  ].join('\r\n');
}

function getOf({ key }: DrawnKey): string {
  return [
    'GET /_internal/auth/api-key/verify HTTP/1.1',
    'Host: 127.0.0.1',
    `Authorization: Bearer ${key}`,
    'X-Required-Scopes: products:read search:read',
    'X-Required-Environment: live',
    'X-Required-Product: search',
    'X-Real-IP: 10.1.2.3',
    '',
    '',
  ].join('\r\n');
}
