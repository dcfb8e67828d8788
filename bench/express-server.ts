import { createHmac, hash, hkdfSync } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import express from 'express';
import { Pool } from 'pg';

/**
 * What a careful team would write first: Express, one query per request by the same digest on the same table, the
 * checks of a key, and no count of any use.
 */
const pool = new Pool({ connectionString: process.env['DATABASE_URL'], max: 20 });
const pepper = Buffer.from((process.env['KEYS_HASH_PEPPER'] ?? '').split(':')[1] ?? '', 'base64');
const hmacKey = Buffer.from(hkdfSync('sha256', pepper, '', 'usher/api-key/v1', 32));
const digestOf = (key: string): Buffer =>
  createHmac('sha256', hmacKey)
    .update(hash('sha256', key, 'buffer'))
    .digest();

interface Row {
  readonly id: string;
  readonly tenant_id: string;
  readonly slug: string;
  readonly environment: string;
  readonly scopes: string[];
  readonly product: string | null;
  readonly usable: boolean;
  readonly entitled: boolean;
  readonly admitted: boolean;
}

const sql = `select k.id, k.tenant_id, t.slug, k.environment, k.scopes, k.product,
    k.revoked_at is null and k.blocked_at is null and coalesce(k.expires_at > now(), true)
      and coalesce(k.ends_at > now(), true) and t.status in ('trial', 'active') as usable,
    exists (select 1 from entitlements as e where e.tenant_id = k.tenant_id and e.product = $2
      and e.status in ('trial', 'active') and coalesce(e.expires_at > now(), true)) as entitled,
    $3::inet <<= any(k.allowed_cidrs) as admitted
  from api_keys as k join tenants as t on t.id = k.tenant_id where k.digest = $1`;

const app = express();
app.disable('x-powered-by').set('etag', false);
app.use(express.json({ limit: '8kb' }));
app.post('/v1/internal/api-keys/verify', async (request, response) => {
  const asked = request.body as { key: string; product: string; scopes: string[]; ip: string };
  const { rows } = await pool.query<Row>({
    name: 'verify',
    text: sql,
    values: [digestOf(asked.key), asked.product, asked.ip],
  });
  const [row] = rows;
  const valid =
    row !== undefined &&
    row.usable &&
    row.entitled &&
    row.admitted &&
    asked.scopes.every((scope) => row.scopes.includes(scope));
  response.set('Cache-Control', 'no-store');
  if (!valid) {
    response.json({ valid: false, code: 'NOT_FOUND' });
    return;
  }
  response.json({
    valid: true,
    code: 'VALID',
    key_id: row.id,
    tenant_id: row.tenant_id,
    tenant_slug: row.slug,
    environment: row.environment,
    scopes: row.scopes,
    role: null,
    product: row.product,
    expires_at: null,
    rate_limit: null,
  });
});

const server = app.listen(0, '127.0.0.1', () => {
  const { port } = server.address() as AddressInfo;
  process.send?.({ url: `http://127.0.0.1:${String(port)}` });
});
