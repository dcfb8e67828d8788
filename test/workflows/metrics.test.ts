import { invite } from '../support/journey';
import { startTestApp } from '../support/test-app';
import type { TestApp } from '../support/test-app';
import { waitFor } from '../support/wait-for';
import { active, onboard, parked } from './courses';

let app: TestApp;
beforeAll(async () => {
  app = await startTestApp();
}, 120_000);
afterAll(() => app.stop());

/** Every series with its value, such as `onboarding_accept_total{status="accepted"}`. */
async function series(): Promise<Map<string, number>> {
  const text = await app.deps.metrics.registry.metrics();
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(
    lines.map((line) => [
      line.slice(0, line.lastIndexOf(' ')),
      Number(line.slice(line.lastIndexOf(' ') + 1)),
    ]),
  );
}

const labelled = (name: string, label: string, values: string): string[] =>
  values.split(' ').map((value) => `${name}{${label}="${value}"}`);

describe('the metrics', () => {
  test('show 0 before anything happened, so that the first event is an increase', async () => {
    const before = await series();
    for (const name of [
      ...labelled(
        'onboarding_invites_total',
        'status',
        'created sent bounced resent expired revoked declined',
      ),
      ...labelled('onboarding_accept_total', 'status', 'accepted rejected'),
      ...labelled('onboarding_provision_jobs_total', 'step="sample.register",status', 'parked'),
      'onboarding_time_to_active_seconds_count',
      'onboarding_time_to_first_update_seconds_count',
      'outbox_lag_seconds',
      'audit_pending_rows',
    ]) {
      expect([name, before.get(name)]).toEqual([name, 0]);
    }
  });

  test('count invites, accepts, steps, parks and times, and hold no id and no address', async () => {
    await active(app, await onboard(app));
    await parked(app, await onboard(app, { wb_token: 'this-is-no-token' }));
    const open = await invite(app);
    await app.call('POST', `/onboarding/invites/${open.inviteId}/revoke`);
    await app.call('POST', `/onboarding/invites/${open.token}/accept`, {
      anonymous: true,
      body: { accept_terms: true },
    });
    const step = (key: string, status: string): string =>
      `onboarding_provision_jobs_total{step="sample.${key}",status="${status}"}`;
    const wanted = {
      'onboarding_invites_total{status="created"}': 3,
      'onboarding_invites_total{status="revoked"}': 1,
      'onboarding_accept_total{status="accepted"}': 2,
      'onboarding_accept_total{status="rejected"}': 1,
      [step('register', 'success')]: 2,
      [step('add-token', 'success')]: 1,
      [step('add-token', 'failed')]: 1,
      [step('add-token', 'parked')]: 1,
      'onboarding_failures_total{reason="token-malformed"}': 1,
      onboarding_time_to_active_seconds_count: 1,
      'onboarding_time_to_active_seconds_bucket{le="1200"}': 1,
      onboarding_time_to_first_update_seconds_count: 1,
      'onboarding_time_to_first_update_seconds_bucket{le="1200"}': 1,
    };
    const after = await waitFor(
      'All of them counted',
      series,
      (now) => now.get('onboarding_time_to_active_seconds_count') === 1,
    );
    expect(Object.fromEntries(Object.keys(wanted).map((name) => [name, after.get(name)]))).toEqual(
      wanted,
    );
    const names = [...after.keys()].filter((name) => /@|[0-9a-f]{8}-[0-9a-f]{4}-/.test(name));
    expect(names).toEqual([]);
  });
});
