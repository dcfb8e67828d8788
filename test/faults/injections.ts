import { mailFault, steps } from './boundaries';
import type { Scene } from './boundaries';
import { acceptInvite, inviteCustomer, newAddress } from './customers';
import type { Customer } from './customers';
import type { Trick } from './gate';
import { until } from './probe';

/** Something that the backend or the mail server does wrong while customers are on their way. */
export interface Injection {
  readonly name: string;
  /** How many faults it does to mails; those of calls are counted as they strike. */
  readonly mails?: number;
  /** Sends customers through it; resolves once they have accepted. */
  send(scene: Scene, story: string): Promise<readonly Customer[]>;
}

/** One customer for each step, whose call there meets the trick once. */
function onceAtEachStep(name: string, trick: Trick): Injection {
  return {
    name,
    async send({ cluster, gate }, story) {
      const customers = await Promise.all(steps.map(() => inviteCustomer(cluster, story)));
      customers.forEach(({ jobId }, index) => {
        gate.meddle(jobId, steps[index] ?? '', trick, { times: 1 });
      });
      await Promise.all(customers.map((customer) => acceptInvite(cluster, customer)));
      return customers;
    },
  };
}

/** Every call of a customer meets the trick, for so long or so often. */
function storm(name: string, trick: Trick, limit: { times?: number; ms?: number }): Injection {
  return {
    name,
    async send({ cluster, gate }, story) {
      const customers = await Promise.all([0, 1, 2].map(() => inviteCustomer(cluster, story)));
      for (const { jobId } of customers) {
        for (const step of steps) gate.meddle(jobId, step, trick, limit);
      }
      await Promise.all(customers.map((customer) => acceptInvite(cluster, customer)));
      return customers;
    },
  };
}

/** The mail server does something to every mail of a customer, or to the first ones. */
function mail(name: string, mode: string, times?: number): Injection {
  return {
    name,
    mails: times ?? 2,
    async send(scene, story) {
      const email = newAddress();
      await mailFault(scene, { mode, match: email, ...(times === undefined ? {} : { times }) });
      const customer = await inviteCustomer(scene.cluster, story, email);
      // An accept drops the mail that is not on its way yet.
      await until('The first try', async () => {
        const tried = await scene.probe.rows(
          `select 1 from mails where invite_id = $1 and kind = 'invite' and (attempts > 0 or status <> 'due')`,
          [customer.inviteId],
        );
        return tried.length > 0;
      });
      await acceptInvite(scene.cluster, customer);
      return [customer];
    },
  };
}

const mostTries = 8;

/** Name of the injection whose mails are refused for good. */
export const refusedMail = 'SMTP 550';

/** Name of the injection in which steps fail until they park. */
export const exhausting = 'a step that fails until it parks, then a retry by order';

/** All of them. */
export const injections: readonly Injection[] = [
  onceAtEachStep('time-out after the backend acted', { kind: 'timeout-after-act' }),
  onceAtEachStep('reset after the backend acted', { kind: 'reset-after-act' }),
  onceAtEachStep('reset before the backend acts', { kind: 'reset-before-act' }),
  onceAtEachStep('malformed 2xx', { kind: 'malformed' }),
  storm('500 storm', { kind: 'status', status: 500 }, { ms: 4_000 }),
  storm('503 storm with Retry-After', { kind: 'status', status: 503, retryAfter: 1 }, { times: 2 }),
  storm(
    '429 storm with Retry-After',
    { kind: 'status', status: 429, retryAfter: 1 },
    { ms: 5_000 },
  ),
  storm('429 storm without Retry-After', { kind: 'status', status: 429 }, { ms: 5_000 }),
  {
    name: exhausting,
    async send({ cluster, gate }, story) {
      const customer = await inviteCustomer(cluster, story);
      gate.meddle(
        customer.jobId,
        'sample.add-token',
        { kind: 'status', status: 500 },
        { times: mostTries },
      );
      await acceptInvite(cluster, customer);
      return [customer];
    },
  },
  mail('SMTP 451, twice', 'tempfail-451', 2),
  mail(refusedMail, 'reject-550'),
  mail('connection lost after the data, once', 'drop-after-data', 1),
  mail('connection lost after the data, always', 'drop-after-data'),
];
