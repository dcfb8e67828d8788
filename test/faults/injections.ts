import { steps } from './boundaries';
import { acceptInvite, ask, inviteCustomer, newAddress } from './customers';
import type { Customer } from './customers';
import type { Trick } from './gate';
import { mailFault } from './mail-faults';
import { until } from './probe';
import type { Scene } from './scene';

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
    async send(scene, story) {
      const customers = await Promise.all(steps.map(() => inviteCustomer(scene, story)));
      customers.forEach(({ jobId }, index) => {
        scene.gate.meddle(jobId, steps[index] ?? '', trick, { times: 1 });
      });
      await Promise.all(customers.map((customer) => acceptInvite(scene, customer)));
      return customers;
    },
  };
}

/** Every call of a customer meets the trick, for so long from its first one on or so often. */
function storm(name: string, trick: Trick, limit: { times?: number; ms?: number }): Injection {
  return {
    name,
    async send(scene, story) {
      const customers = await Promise.all([0, 1, 2].map(() => inviteCustomer(scene, story)));
      for (const { jobId } of customers) {
        for (const step of steps) scene.gate.meddle(jobId, step, trick, limit);
      }
      await Promise.all(customers.map((customer) => acceptInvite(scene, customer)));
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
      const invited = await inviteCustomer(scene, story, { email });
      const customer = mode === 'reject-550' ? { ...invited, bounces: true } : invited;
      // An accept drops the mail that is not on its way yet.
      await until('The first try', async () => {
        const tried = await scene.probe.rows(
          `select 1 from mails where invite_id = $1 and kind = 'invite' and (attempts > 0 or status <> 'due')`,
          [customer.inviteId],
        );
        return tried.length > 0;
      });
      await acceptInvite(scene, customer);
      return [customer];
    },
  };
}

/** More tries than a step has, and fewer than with those that an order gives it. */
const mostTries = 8;

/** A step that fails until it parks, once for each problem that a backend brings about by itself. */
function exhausting(name: string, trick: Trick, parks: NonNullable<Customer['parks']>): Injection {
  return {
    name: `${name} until it parks, then a retry by order`,
    async send(scene, story) {
      const customer = { ...(await inviteCustomer(scene, story)), parks };
      scene.gate.meddle(customer.jobId, 'sample.add-token', trick, { times: mostTries });
      await acceptInvite(scene, customer);
      return [customer];
    },
  };
}

/** The database refuses an accept with words that name the address, until somebody mends it. */
const telltale: Injection = {
  name: 'a database error that names the address',
  mails: 1,
  async send(scene, story) {
    const { probe } = scene;
    const customer = await inviteCustomer(scene, story);
    await probe.rows(`create function telltale() returns trigger language plpgsql as $$ begin
        raise unique_violation using message = 'duplicate key', detail = format('Key (email)=(%s) already exists.', new.email);
      end $$`);
    await probe.rows(`create trigger telltale before insert on users for each row
        when (new.email = '${customer.email}') execute function telltale()`);
    const refused = await ask(
      scene,
      'POST',
      `/onboarding/invites/${customer.token}/accept`,
      { accept_terms: true },
      { anonymous: true, provoked: true },
    );
    await probe.rows('drop function telltale cascade');
    if (refused.status !== 500) throw new Error(`It was answered ${String(refused.status)}`);
    await acceptInvite(scene, customer);
    return [customer];
  },
};

const status = (code: number, retryAfter?: number): Trick => ({
  kind: 'status',
  status: code,
  ...(retryAfter === undefined ? {} : { retryAfter }),
});

/** All of them. */
export const injections: readonly Injection[] = [
  onceAtEachStep('time-out after the backend acted', { kind: 'timeout-after-act' }),
  onceAtEachStep('reset after the backend acted', { kind: 'reset-after-act' }),
  onceAtEachStep('reset before the backend acts', { kind: 'reset-before-act' }),
  onceAtEachStep('malformed 2xx', { kind: 'malformed' }),
  exhausting('500', status(500), 'backend-unavailable'),
  exhausting('reset before the backend acts', { kind: 'reset-before-act' }, 'backend-unreachable'),
  storm('500 storm', status(500), { ms: 2_000 }),
  storm('503 storm with Retry-After', status(503, 1), { times: 2 }),
  storm('429 storm with Retry-After', status(429, 1), { ms: 3_000 }),
  storm('429 storm without Retry-After', status(429), { ms: 3_000 }),
  mail('SMTP 451, twice', 'tempfail-451', 2),
  mail('SMTP 550', 'reject-550'),
  mail('connection lost after the data, once', 'drop-after-data', 1),
  mail('connection lost after the data, always', 'drop-after-data'),
  telltale,
];
