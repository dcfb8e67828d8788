import type { OrderKind } from '../../src/contracts/orders';
import { accept, invite, untilState } from '../support/journey';
import type { Invited } from '../support/journey';
import type { TestAnswer, TestApp } from '../support/test-app';
import { waitFor } from '../support/wait-for';
import { backendControl } from './backend-control';

/** Invites a customer and accepts; the workflow goes on from there. */
export async function onboard(
  app: TestApp,
  overrides: Record<string, unknown> = {},
): Promise<Invited> {
  const invited = await invite(app, overrides);
  await accept(app, invited);
  return invited;
}

/** Waits until an onboarding is active. */
export function active(
  app: TestApp,
  { jobId }: Pick<Invited, 'jobId'>,
  seconds = 30,
): ReturnType<typeof untilState> {
  return untilState(app, jobId, ['active'], seconds);
}

/** Waits until an onboarding is parked. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- tests look into answers freely
export function parked(app: TestApp, { jobId }: Pick<Invited, 'jobId'>): Promise<any> {
  return waitFor(
    'A parked onboarding',
    async () => (await app.call('GET', `/onboarding/jobs/${jobId}`)).body,
    (job) => job.status === 'failed' && job.waiting_for === 'order',
  );
}

/** Gives an order. */
export function order(
  app: TestApp,
  { jobId }: Pick<Invited, 'jobId'>,
  kind: OrderKind,
  inputs: Record<string, unknown> = {},
  key?: string,
): Promise<TestAnswer> {
  return app.call('POST', `/onboarding/jobs/${jobId}/${kind}`, {
    body: { reason: 'The test wants it', ...inputs },
    ...(key === undefined ? {} : { key }),
  });
}

/** Waits until the backend has been called on a path for an onboarding. */
export async function called(
  app: TestApp,
  path: string,
  { jobId }: Pick<Invited, 'jobId'>,
  seconds = 20,
): Promise<void> {
  await waitFor(
    `A call of ${path}`,
    () => backendControl(app.backend.url).calls(path),
    (calls) => calls.some((call) => call.idempotency_key?.startsWith(jobId)),
    seconds,
  );
}

/** The mails that an address has got. */
export function mailsTo(app: TestApp, email: string): readonly { subject: string; text: string }[] {
  return app.mailbox.messages().filter(({ to }) => to.includes(email));
}
