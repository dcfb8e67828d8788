// The API-key plugin of better-auth on the same Postgres, in a database of its own, behind plain node:http. It keeps
// its rate limit per key as ours do; its check of permissions stands for scopes.
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { betterAuth } from 'better-auth';
import { getMigrations } from 'better-auth/db/migration';
import { apiKey } from '@better-auth/api-key';
import pg from 'pg';

const keys = 1_000;

const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL, max: 20 });
const options = {
  baseURL: 'http://127.0.0.1',
  secret: process.env.COOKIE_SECRET,
  database: pool,
  emailAndPassword: { enabled: true },
  rateLimit: { enabled: false },
  telemetry: { enabled: false },
  logger: { level: 'error' },
  plugins: [apiKey({ rateLimit: { enabled: true, timeWindow: 60_000, maxRequests: 1_000_000 } })],
};
await (await getMigrations(options)).runMigrations();
const auth = betterAuth(options);

const { user } = await auth.api.signUpEmail({
  body: { email: 'bench@example.com', name: 'Bench', password: 'a long password of the bench' },
});
const issued = [];
for (let n = 0; n < keys; n += 1) {
  const { key } = await auth.api.createApiKey({
    body: { userId: user.id, name: 'bench', permissions: { products: ['read'], search: ['read'] } },
  });
  issued.push(key);
}

const server = createServer((request, response) => {
  const chunks = [];
  request.on('data', (chunk) => chunks.push(chunk));
  request.on('end', async () => {
    const { key } = JSON.parse(Buffer.concat(chunks).toString('utf8'));
    const answer = await auth.api
      .verifyApiKey({ body: { key, permissions: { products: ['read'], search: ['read'] } } })
      .catch((error) => ({ valid: false, error: String(error) }));
    const body = JSON.stringify(answer);
    response.writeHead(200, {
      'Content-Type': 'application/json',
      'Content-Length': Buffer.byteLength(body),
      'Cache-Control': 'no-store',
    });
    response.end(body);
  });
});
server.listen(0, '127.0.0.1', () => {
  const requests = issued.map((key) => {
    const body = JSON.stringify({ key });
    return `POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
  });
  writeFileSync(process.env.REQUESTS_FILE, JSON.stringify(requests));
  process.send?.({ url: `http://127.0.0.1:${server.address().port}` });
});
