import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { verifyKey } from '../../src/main/demo';

/** Verifies against an API that gives these answers, one after the other; the last one again and again. */
async function verified(codes: readonly string[]): Promise<{ outcome: unknown; asked: number }> {
  let asked = 0;
  const server = createServer((_request, response) => {
    const code = codes[Math.min(asked++, codes.length - 1)];
    const valid = code === 'VALID';
    response.writeHead(200, { 'content-type': 'application/json', connection: 'close' });
    response.end(JSON.stringify({ valid, code, tenant_slug: 'acme' }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const api = { url: `http://127.0.0.1:${String(port)}`, pids: [] };
  const outcome = await verifyKey({ api, owner_key: 'k' }, 'ush_live_x').catch(
    (error: unknown) => error,
  );
  await new Promise((resolve) => server.close(resolve));
  return { outcome, asked };
}

describe('the demo', () => {
  it('asks again about its key while a busy machine cannot know', async () => {
    expect(await verified(['UNAVAILABLE', 'UNAVAILABLE', 'VALID'])).toMatchObject({
      outcome: { valid: true, code: 'VALID' },
      asked: 3,
    });
  });

  it('fails at once for a key that is refused, and says why', async () => {
    const { outcome, asked } = await verified(['SCOPE_DENIED']);
    expect(String(outcome)).toContain('The new key does not verify: SCOPE_DENIED.');
    expect(asked).toBe(1);
  });
});
