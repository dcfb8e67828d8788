import { randomUUID } from 'node:crypto';
import { accept, invite } from '../../support/journey';
import type { Invited } from '../../support/journey';
import { startTestApp } from '../../support/test-app';
import type { TestAnswer, TestApp } from '../../support/test-app';
import { person, signedIn } from '../people';
import { ageInvite, sql } from '../rows';

let app: TestApp;
const made: Record<string, Invited> = {};

const list = (query = ''): Promise<TestAnswer> => app.call('GET', `/onboarding/invites${query}`);

/** Names of the invites in an answer. */
const names = ({ body }: TestAnswer): string[] =>
  body.items.map(({ id }: { id: string }) =>
    Object.keys(made).find((name) => made[name]?.inviteId === id),
  );

beforeAll(async () => {
  app = await startTestApp({ worker: false });
  for (const name of ['open', 'expired', 'accepted', 'revoked', 'declined', 'bounced', 'brief']) {
    made[name] = await invite(app, name === 'brief' ? { expires_in_hours: 2 } : {});
  }
  const { expired, accepted, revoked, declined, bounced, brief } = made;
  await sql(app, `update invites set expires_at = now() - interval '1 second' where id = $1`, [
    expired?.inviteId,
  ]);
  await accept(app, accepted!);
  await app.call('POST', `/onboarding/invites/${revoked?.inviteId}/revoke`);
  await app.call('POST', `/onboarding/invites/${declined?.token}/decline`, {
    anonymous: true,
    body: {},
  });
  await sql(app, `update mails set status = 'bounced' where invite_id = $1`, [bounced?.inviteId]);
  await sql(app, `update invites set opened_at = now() where id = $1`, [brief?.inviteId]);
});
afterAll(() => app.stop());

describe('GET /onboarding/invites answers 200', () => {
  test('with all invites, newest first', async () => {
    expect(names(await list())).toEqual([
      'brief',
      'bounced',
      'declined',
      'revoked',
      'accepted',
      'expired',
      'open',
    ]);
  });

  test.each<[string, string[]]>([
    ['status=invited', ['brief', 'bounced', 'open']],
    ['status=expired', ['expired']],
    ['state=accepted', ['accepted']],
    ['status=revoked', ['revoked']],
    ['status=declined', ['declined']],
    ['status=declined&state=revoked', []],
    ['bounced=true', ['bounced']],
    ['bounced=true&status=accepted', []],
    ['never_opened=false', ['brief', 'declined', 'accepted']],
    ['never_opened=true&status=invited', ['bounced', 'open']],
    ['inviter=nobody', []],
    ['tenant=nobody', []],
    ['email=%25', []],
  ])('filtered by %s', async (query, expected) => {
    expect(names(await list(`?${query}`))).toEqual(expected);
  });

  test('filtered by tenant (id or slug), address, inviter and time of expiry', async () => {
    const { open, brief } = made as { open: Invited; brief: Invited };
    const { body } = await app.call('GET', `/onboarding/invites/${open.inviteId}`);
    expect(names(await list(`?tenant=${open.clientId}`))).toEqual(['open']);
    expect(names(await list(`?tenant=${body.tenant_slug}`))).toEqual(['open']);
    expect(names(await list(`?email=${open.email.slice(0, 12).toUpperCase()}`))).toEqual(['open']);
    expect(names(await list(`?inviter=${encodeURIComponent(body.invited_by)}`))).toHaveLength(7);
    expect(
      names(await list(`?inviter=${body.invited_by.split(':')[1]}&tenant=${open.clientId}`)),
    ).toEqual(['open']);
    const soon = encodeURIComponent(new Date(Date.now() + 3 * 3_600_000).toISOString());
    expect(names(await list(`?expiring_before=${soon}`))).toEqual(['brief']);
    const shifted = encodeURIComponent('2999-01-01T00:00:00+05:30');
    expect(names(await list(`?expiring_before=${shifted}`))).toEqual(['brief', 'bounced', 'open']);
    expect(brief.inviteId).toBeTruthy();
  });

  test('page by page, each invite once, also when one comes in between', async () => {
    const seen: string[] = [];
    let cursor: string | null = '';
    while (cursor !== null) {
      const page: TestAnswer = await list(
        `?limit=3${cursor && `&cursor=${encodeURIComponent(cursor)}`}`,
      );
      seen.push(...page.body.items.map(({ id }: { id: string }) => id));
      cursor = page.body.next_cursor;
      if (seen.length === 3) await invite(app, { email: `late-${randomUUID()}@example.com` });
    }
    expect(seen).toHaveLength(7);
    expect(new Set(seen).size).toBe(7);
  });

  test('with at most 100 invites, however many are asked for', async () => {
    await app.call('POST', '/onboarding/invites/bulk', {
      body: {
        batch_id: randomUUID(),
        rows: Array.from({ length: 110 }, () => ({ email: `p-${randomUUID()}@example.com` })),
      },
    });
    expect((await list('?limit=1000')).body.items).toHaveLength(100);
    expect((await list()).body.items).toHaveLength(50);
    expect((await list('?limit=1')).body.items).toHaveLength(1);
  }, 60_000);
});

describe('GET /onboarding/invites answers 422', () => {
  const firstCursor = async (query = ''): Promise<string> =>
    (await list(`?limit=1${query}`)).body.next_cursor;

  test('cursor-invalid for a cursor that was altered', async () => {
    const cursor = await firstCursor();
    const altered = cursor.startsWith('A') ? `B${cursor.slice(1)}` : `A${cursor.slice(1)}`;
    for (const bad of [altered, `${cursor}x`, cursor.slice(0, -1), 'x', '.', '..']) {
      const { status, body } = await list(`?limit=1&cursor=${encodeURIComponent(bad)}`);
      expect([status, body.code]).toEqual([422, 'cursor-invalid']);
    }
  });

  test('cursor-invalid when the filter changed, and for the cursor of another list', async () => {
    const cursor = encodeURIComponent(await firstCursor('&status=invited'));
    expect((await list(`?cursor=${cursor}&status=invited`)).status).toBe(200);
    expect((await list(`?cursor=${cursor}&limit=7&status=invited`)).status).toBe(200);
    expect((await list(`?cursor=${cursor}`)).body.code).toBe('cursor-invalid');
    expect((await list(`?cursor=${cursor}&status=invited&bounced=true`)).body.code).toBe(
      'cursor-invalid',
    );
    const jobs = await app.call(
      'GET',
      `/onboarding/jobs?cursor=${encodeURIComponent(await firstCursor())}`,
    );
    expect(jobs.body.code).toBe('cursor-invalid');
  });

  test.each([
    'limit=0',
    'limit=-1',
    'limit=1.5',
    'limit=ten',
    'limit=',
    'limit=1e2',
    'limit=0x10',
    'limit=1&limit=2',
    'status=open',
    'bounced=yes',
    'expiring_before=tomorrow',
    'expiring_before=2026-01-01',
    'colour=red',
    'tenant=',
    'status=invited&status=expired',
    'cursor=',
  ])('for %s', async (query) => {
    const { status, body } = await list(`?${query}`);
    expect([status, body.code]).toEqual([422, 'validation-failed']);
    expect(body.errors[0].pointer).toBe(`/query/${query.split('=')[0]}`);
  });
});

describe('GET /onboarding/invites/{id}', () => {
  test('answers 200 with an ETag of its version', async () => {
    const { open } = made as { open: Invited };
    const { status, body, headers } = await app.call(
      'GET',
      `/onboarding/invites/${open.inviteId.toUpperCase()}`,
    );
    expect(status).toBe(200);
    expect(headers.get('etag')).toBe(`"v${String(body.version)}"`);
    expect(body).toMatchObject({
      id: open.inviteId,
      email: open.email,
      job_id: open.jobId,
      tenant_id: open.clientId,
      status: 'invited',
      resend_count: 0,
      opened_at: null,
      accepted_at: null,
    });
    expect(JSON.stringify(body)).not.toContain(open.token);
  });

  test('shows an invite as expired from the moment on at which it is', async () => {
    const late = await invite(app, { expires_in_hours: 1 });
    await ageInvite(app, late.inviteId, '59 minutes 30 seconds');
    expect((await app.call('GET', `/onboarding/invites/${late.inviteId}`)).body.status).toBe(
      'invited',
    );
    await ageInvite(app, late.inviteId, '31 seconds');
    expect((await app.call('GET', `/onboarding/invites/${late.inviteId}`)).body.status).toBe(
      'expired',
    );
  });

  test('answers 404 for an unknown id and 422 for what is none', async () => {
    const unknown = await app.call('GET', `/onboarding/invites/${randomUUID()}`);
    expect([unknown.status, unknown.body.code]).toEqual([404, 'invite-not-found']);
    expect((await app.call('GET', '/onboarding/invites/17')).status).toBe(422);
  });

  test('names the person who invited', async () => {
    const operator = await person(app, { roles: ['operator'] });
    const answer = await app.call('POST', '/onboarding/invites', {
      anonymous: true,
      headers: await signedIn(app, operator),
      body: { email: `p-${randomUUID()}@example.com` },
    });
    const { body } = await app.call('GET', `/onboarding/invites/${answer.body.invite_id}`);
    expect(body.invited_by).toBe(`user:${operator.id}`);
    expect((await list(`?inviter=${operator.id}`)).body.items).toHaveLength(1);
  });
});
