import { withSystem } from '../../src/platform/db';
import type { Tx } from '../../src/platform/db';
import { newId } from '../../src/platform/ids';
import { insertJob, insertTenant } from '../domain/onboarding/rows';
import { startTestApp } from '../support/test-app';
import type { TestApp } from '../support/test-app';

let app: TestApp;
const act = <T>(fn: (tx: Tx) => Promise<T>): Promise<T> => withSystem(app.deps.db, 'cli', fn);

beforeAll(async () => {
  app = await startTestApp({ worker: false });
});

afterAll(() => app.stop());

const atStage = (stage: string) =>
  act((tx) =>
    tx.run(
      `update rollout set stage = $1, since = now() - interval '1 day', frozen_at = null, frozen_reason = null`,
      [stage],
    ),
  );
const post = (path: string, body: unknown, headers: Record<string, string> = {}) =>
  app.call('POST', `/onboarding/${path}`, { body, headers });

describe('the gates', () => {
  it('200 shows the stage, every figure with threshold, sample and verdict, and the held invites', async () => {
    const { status, body } = await app.call('GET', '/onboarding/gates');
    expect(status).toBe(200);
    expect(body).toMatchObject({
      stage: '100',
      next_stage: null,
      frozen: false,
      promotable: false,
      why_not: 'stage-final',
    });
    expect(body.figures).toHaveLength(5);
    expect(body.figures[0]).toMatchObject({
      name: 'provision_success_rate',
      threshold: 0.98,
      minimum_sample: 50,
    });
  });

  it('409 refuses a promotion and says what is missing; a failing gate is frozen by it', async () => {
    await atStage('pilot');
    const missing = await post('gates/promote', {});
    expect([missing.status, missing.body.code]).toEqual([409, 'gate-not-passed']);
    expect(missing.body.detail).toContain('provision_success_rate has 0 of 5 samples.');
    expect((await app.call('GET', '/onboarding/gates')).body.frozen).toBe(false);
    const incident = await post('incidents', { title: 'Backend down', severity: 'critical' });
    const failing = await post('gates/promote', {});
    expect(failing.body).toMatchObject({
      code: 'gate-not-passed',
      failing: ['open_critical_incidents'],
    });
    expect((await app.call('GET', '/onboarding/gates')).body).toMatchObject({
      frozen: true,
      frozen_reason: expect.stringContaining('open_critical'),
    });
    await post(`incidents/${String(incident.body.id)}/close`, {});
  });

  it('200 promotes a passing stage once per Idempotency-Key, and opens held invites', async () => {
    await atStage('internal');
    const held = await act(async (tx) => {
      for (let n = 0; n < 5; n += 1) {
        await insertJob(tx, { state: 'active', acceptedAgo: 60, activatedAgo: 50 });
      }
      const tenantId = await insertTenant(tx, { kind: 'pilot' });
      return insertJob(tx, { tenantId, held: true });
    });
    const key = { 'idempotency-key': newId() };
    const first = await post('gates/promote', { reason: 'looks well' }, key);
    expect(first.body).toMatchObject({ success: true, stage: 'pilot', released_invites: 1 });
    const again = await post('gates/promote', { reason: 'looks well' }, key);
    expect([again.body, again.headers.get('idempotency-replayed')]).toEqual([first.body, 'true']);
    const { body } = await app.call('GET', '/onboarding/gates');
    expect(body).toMatchObject({ stage: 'pilot', held_invites: 0 });
    expect(body.changes[0]).toMatchObject({
      action: 'promote',
      from: 'internal',
      to: 'pilot',
      reason: 'looks well',
    });
    const { held: still } = await act((tx) =>
      tx.one<{ held: boolean }>('select held from invites where id = $1', [held.inviteId]),
    );
    expect(still).toBe(false);
  });

  it('200 freezes with a reason, and an override lifts that or opens the next stage', async () => {
    await atStage('25');
    expect((await post('gates/freeze', {})).status).toBe(422);
    expect((await post('gates/freeze', { reason: 'wait for Monday' })).body).toMatchObject({
      frozen: true,
    });
    expect((await post('gates/promote', {})).body.detail).toContain('The stage is frozen');
    expect(
      (await post('gates/override', { reason: 'it is Monday', action: 'unfreeze' })).body,
    ).toMatchObject({ frozen: false, stage: '25' });
    const { body, headers } = await app.call('GET', '/onboarding/gates');
    const stale = await post('gates/override', { reason: 'x' }, { 'if-match': '"v1"' });
    expect([stale.status, stale.body.current_etag]).toEqual([412, headers.get('etag')]);
    expect(headers.get('etag')).toBe(`"v${String(body.version)}"`);
    const opened = await post(
      'gates/override',
      { reason: 'promised' },
      { 'if-match': headers.get('etag')! },
    );
    expect(opened.body).toMatchObject({ stage: '50' });
  });

  it('403 for everybody but owners; reading is for support too', async () => {
    const key = await app.keyFor('admin');
    const body = { reason: 'x' };
    for (const path of ['promote', 'freeze', 'override']) {
      expect((await app.call('POST', `/onboarding/gates/${path}`, { key, body })).status).toBe(403);
    }
    const support = await app.keyFor('support');
    expect((await app.call('GET', '/onboarding/gates', { key: support })).status).toBe(200);
    expect((await app.call('GET', '/onboarding/funnel', { key: support })).status).toBe(200);
  });
});

describe('the funnel', () => {
  it('200 answers any time span that a client may write', async () => {
    for (const query of [
      '',
      '?created_after=0001-01-01T00:00:00Z',
      '?created_before=9999-12-31T23:59:59%2B23:59',
      '?plan=none',
    ]) {
      const { status, body } = await app.call('GET', `/onboarding/funnel${query}`);
      expect([query, status]).toEqual([query, 200]);
      expect(body.stations).toHaveLength(6);
    }
  });

  it('404 for an unknown partner, 422 for a time that is none', async () => {
    expect((await app.call('GET', '/onboarding/funnel?partner=nobody')).body.code).toBe(
      'partner-not-found',
    );
    expect((await app.call('GET', '/onboarding/funnel?created_after=yesterday')).status).toBe(422);
  });
});

describe('incidents', () => {
  it('201 opens one per Idempotency-Key, lists it, and closes it', async () => {
    const headers = { 'idempotency-key': newId() };
    const body = { title: 'Mail bounces', severity: 'minor', note: 'since noon' };
    const opened = await post('incidents', body, headers);
    expect(opened.status).toBe(201);
    expect((await post('incidents', body, headers)).body.id).toBe(opened.body.id);
    const listed = await app.call('GET', '/onboarding/incidents?open=true&severity=minor');
    expect(listed.body.items).toMatchObject([{ id: opened.body.id, closed_at: null }]);
    const closed = await post(`incidents/${String(opened.body.id)}/close`, { note: 'mended' });
    expect(closed.body).toMatchObject({
      note: 'since noon\nmended',
      closed_at: expect.any(String),
    });
    expect(
      (await app.call('GET', '/onboarding/incidents?open=true&severity=minor')).body.items,
    ).toEqual([]);
  });

  it('404 for an unknown one, 403 for support, 422 for an unknown severity', async () => {
    expect((await post(`incidents/${newId()}/close`, {})).body.code).toBe('incident-not-found');
    const key = await app.keyFor('support');
    const body = { title: 'x', severity: 'minor' };
    expect((await app.call('POST', '/onboarding/incidents', { key, body })).status).toBe(403);
    expect((await post('incidents', { title: 'x', severity: 'huge' })).status).toBe(422);
  });
});
