import { enqueueMail, relayMails } from '../../src/domain/mails/mails';
import { createMailSender } from '../../src/main/mailing';
import { withSystem } from '../../src/platform/db';
import type { MailTransport } from '../../src/platform/mail/transport';
import { newId } from '../../src/platform/ids';
import { insertEntitlement } from '../domain/api-keys/rows';
import { sql } from '../api/rows';
import { startTestApp } from '../support/test-app';
import type { TestApp } from '../support/test-app';

let app: TestApp;
beforeAll(async () => {
  app = await startTestApp({ worker: false });
});
afterAll(() => app.stop());

/** Kinds of mails that go out to the customer of a tenant whose trials of two products run and are over. */
async function sentTo(action?: 'suspend' | 'delete'): Promise<string[]> {
  const { body: tenant } = await app.call('POST', '/v1/tenants', {
    body: { slug: `t-${newId().slice(-12)}`, name: 'Nordlicht' },
  });
  const toEmail = `${newId()}@customer.example`;
  await withSystem(app.deps.db, 'cli', async (tx) => {
    const write = (kind: string, data: Record<string, unknown>) =>
      enqueueMail(tx, app.deps.ring, {
        ...{ kind, owner: 'relay', tenantId: tenant.id, userId: newId(), toEmail, locale: 'en' },
        data: { tenant_name: 'Nordlicht', ...data },
      });
    for (const [kind, product, expiresIn] of [
      ['trial-ending', 'insights', 86_400],
      ['trial-ended', 'repricing', -60],
    ] as const) {
      await insertEntitlement(tx, { tenantId: tenant.id, product, status: 'trial', expiresIn });
      const { at } = await tx.one<{ at: Date }>(
        'select expires_at as at from entitlements where tenant_id = $1 and product = $2',
        [tenant.id, product],
      );
      await write(kind, { product, product_id: product, ends_at: at.toISOString() });
    }
    await write('key-rotation-requested', { key_name: 'ci', key_prefix: 'ush_live_x' });
    await write('key-leaked', { key_name: 'ci', key_prefix: 'ush_live_x', ends_at: null });
  });
  const path = `/tenants/${tenant.slug}`;
  const body = { reason: 'The test' };
  if (action === 'suspend') await app.call('POST', `${path}/suspend`, { body });
  if (action === 'delete') await app.call('DELETE', path);
  const transport: MailTransport = {
    send: () => Promise.resolve({ kind: 'sent' }),
    verify: () => Promise.resolve(true),
    close: () => undefined,
  };
  await relayMails(createMailSender({ ...app.deps, transport }), 100);
  const mails = await sql<{ kind: string; status: string }>(
    app,
    'select kind, status from mails where to_email = $1 order by kind',
    [toEmail],
  );
  expect(mails).toHaveLength(4);
  expect(mails.every(({ status }) => status === 'sent' || status === 'dropped')).toBe(true);
  return mails.filter(({ status }) => status === 'sent').map(({ kind }) => kind);
}

test('the customer of an open tenant gets all that is still true', async () => {
  expect(await sentTo()).toEqual([
    'key-leaked',
    'key-rotation-requested',
    'trial-ended',
    'trial-ending',
  ]);
});

test.each(['suspend', 'delete'] as const)(
  'after %s nothing goes to the customer but that a key leaked',
  async (action) => {
    expect(await sentTo(action)).toEqual(['key-leaked']);
  },
);
