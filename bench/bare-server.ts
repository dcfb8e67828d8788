import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/**
 * The floor that verification is measured against: node:http that parses the same requests and writes answers of the
 * same shape, and knows nothing.
 */
const server = createServer({ keepAliveTimeout: 65_000 }, (request, response) => {
  if (request.method === 'GET') {
    const key = request.headers.authorization ?? '';
    response.writeHead(204, {
      'X-Key-Id': '01934f7e-7a30-7a30-8a30-0123456789ab',
      'X-Tenant-Id': '01934f7e-7a30-7a30-8a30-0123456789ab',
      'X-Scopes': 'products:read search:read whoami',
      'X-Environment': key.startsWith('Bearer ush_test') ? 'test' : 'live',
      'Cache-Control': 'no-store',
      'X-Request-Id': '01934f7e-7a30-7a30-8a30-0123456789ab',
    });
    response.end();
    return;
  }
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    const asked = JSON.parse(Buffer.concat(chunks).toString('utf8')) as {
      scopes: string[];
      product: string;
    };
    const body = JSON.stringify({
      valid: true,
      code: 'VALID',
      key_id: '01934f7e-7a30-7a30-8a30-0123456789ab',
      tenant_id: '01934f7e-7a30-7a30-8a30-0123456789ab',
      tenant_slug: 'bench-1234',
      environment: 'live',
      scopes: asked.scopes,
      role: null,
      product: asked.product,
      expires_at: null,
      rate_limit: { limit: 1_000_000, remaining: 999_999, reset_at: '2026-11-26T18:58:00.000Z' },
    });
    response.writeHead(200, {
      'Content-Type': 'application/json',
      'Content-Length': Buffer.byteLength(body),
      'Cache-Control': 'no-store',
      'X-Request-Id': '01934f7e-7a30-7a30-8a30-0123456789ab',
    });
    response.end(body);
  });
});

server.listen(0, '127.0.0.1', () => {
  const { port } = server.address() as AddressInfo;
  process.send?.({ url: `http://127.0.0.1:${String(port)}` });
});
