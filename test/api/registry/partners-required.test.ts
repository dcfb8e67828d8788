import { createPartner } from '../../../src/domain/tenants/partners';
import { withSystem } from '../../../src/platform/db';
import { startTestApp } from '../../support/test-app';
import type { TestApp } from '../../support/test-app';

let app: TestApp;

beforeAll(async () => {
  app = await startTestApp({ worker: false, env: { TENANTS_REQUIRE_PARTNER: 'true' } });
});
afterAll(() => app.stop());

describe('with TENANTS_REQUIRE_PARTNER', () => {
  test('a tenant without a partner is refused, created by itself or brought by an invite', async () => {
    for (const { status, body } of [
      await app.call('POST', '/v1/tenants', { body: { slug: 'lone-wolf', name: 'Lone' } }),
      await app.call('POST', '/onboarding/invites', { body: { email: 'ada@example.com' } }),
    ]) {
      expect([status, body.code]).toEqual([422, 'partner-required']);
    }
  });

  test('one with a partner is created either way', async () => {
    const { id } = await withSystem(app.deps.db, 'cli', (tx) =>
      createPartner(tx, { slug: 'northwind', name: 'Northwind', actorId: 'system:cli' }),
    );
    const created = await app.call('POST', '/v1/tenants', {
      body: { slug: 'one-of-them', name: 'One', partner_id: id },
    });
    const invited = await app.call('POST', '/onboarding/invites', {
      body: { email: 'ada@example.com', tenant: { slug: 'two-of-them', partner_id: id } },
    });
    expect([created.status, invited.status]).toEqual([201, 201]);
  });
});
