import type { Invited } from '../support/journey';
import type { TestApp } from '../support/test-app';
import { waitFor } from '../support/wait-for';

/** The workflow of an invite, as Temporal knows it. */
export function runOf(app: TestApp, { inviteId }: Pick<Invited, 'inviteId'>) {
  return app.deps.temporal.client.workflow.getHandle(`onboarding/${inviteId}`);
}

/** The events of its newest run, oldest first. */
export async function eventsOf(app: TestApp, invited: Pick<Invited, 'inviteId'>) {
  return (await runOf(app, invited).fetchHistory()).events ?? [];
}

/** Waits until the run sleeps: it has started a timer of at most so many milliseconds, and nothing since. */
export async function untilAsleep(
  app: TestApp,
  invited: Pick<Invited, 'inviteId'>,
  atMostMs = Infinity,
): Promise<void> {
  await waitFor(
    'A run that sleeps',
    async () => {
      const last = (await eventsOf(app, invited)).at(-1)?.timerStartedEventAttributes;
      const { seconds, nanos } = last?.startToFireTimeout ?? {};
      return last ? Number(seconds ?? 0) * 1000 + (nanos ?? 0) / 1e6 : Infinity;
    },
    (ms) => ms !== Infinity && ms <= atMostMs,
  );
}
