import type { Cluster } from './cluster';
import { acceptInvite, inviteCustomer, newAddress } from './customers';
import type { Customer } from './customers';
import type { Gate, Hold } from './gate';
import { until } from './probe';
import type { Probe, RowLock } from './probe';

/** What cases are played with. */
export interface Scene {
  readonly cluster: Cluster;
  readonly gate: Gate;
  readonly probe: Probe;
}

/** Customers who stand at a boundary: what comes next for each is the commit, call or mail that the fault shall meet. */
export interface Standing {
  readonly customers: readonly Customer[];
  /** Lets go whatever was held; called after the kill and before the restart. */
  letGo(): Promise<void>;
  /** What the customers themselves do once the system is back. */
  goOn?(): Promise<void>;
}

/** A point in the course of an onboarding at which a part is killed. */
export interface Boundary {
  readonly name: string;
  stage(scene: Scene, story: string): Promise<Standing>;
}

/** The steps of the sample connector, in order. */
export const steps = [
  'sample.register',
  'sample.add-token',
  'sample.verify',
  'sample.smoke',
] as const;

/** Tells the mailbox what to do wrong with mails to an address. */
export async function mailFault(
  { cluster }: Pick<Scene, 'cluster'>,
  fault: { mode: string; match: string; times?: number; delay_ms?: number },
): Promise<void> {
  const response = await fetch(`${cluster.mailboxUrl}/api/faults`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(fault),
  });
  if (!response.ok) throw new Error(`The mailbox takes no fault: ${await response.text()}`);
}

const slowMail = (scene: Scene, match: string) =>
  mailFault(scene, { mode: 'slow', match, times: 1, delay_ms: 4_000 });

const mailsTo = async ({ cluster }: Scene, email: string): Promise<number> => {
  const response = await fetch(
    `${cluster.mailboxUrl}/api/messages?to=${encodeURIComponent(email)}`,
  );
  return ((await response.json()) as unknown[]).length;
};

const nothing = () => Promise.resolve();

/** In the middle of the invite mail: the server has it, and has not said so yet. */
const duringInviteMail: Boundary = {
  name: 'invite mail, while it is sent',
  async stage(scene, story) {
    const { cluster } = scene;
    const email = newAddress();
    await slowMail(scene, email);
    const customer = await inviteCustomer(cluster, story, email);
    await until('The mail', async () => (await mailsTo(scene, email)) > 0);
    return { customers: [customer], letGo: nothing, goOn: () => acceptInvite(cluster, customer) };
  },
};

/** In the middle of the welcome mail. */
const duringWelcomeMail: Boundary = {
  name: 'welcome mail, while it is sent',
  async stage(scene, story) {
    const { cluster, probe } = scene;
    const customer = await inviteCustomer(cluster, story);
    await until('The first mail', async () => {
      const sent = await probe.rows(
        `select 1 from mails where invite_id = $1 and status = 'sent'`,
        [customer.inviteId],
      );
      return sent.length > 0;
    });
    await slowMail(scene, customer.email);
    await acceptInvite(cluster, customer);
    await until('The mail', async () => (await mailsTo(scene, customer.email)) > 1);
    return { customers: [customer], letGo: nothing };
  },
};

/** An accept that has written its rows and not committed them: it wants the tenant, which the probe holds. */
const beforeAcceptCommits: Boundary = {
  name: 'accept, before its commit',
  async stage({ cluster, probe }, story) {
    const customer = await inviteCustomer(cluster, story);
    const lock = await probe.lock('select 1 from tenants where id = $1 for update', [
      customer.clientId,
    ]);
    const accepting = acceptInvite(cluster, customer);
    await lock.contended();
    return { customers: [customer], letGo: () => lock.release(), goOn: () => accepting };
  },
};

/** An accept that was answered while its wake-up could not be delivered. */
const afterAcceptCommits: Boundary = {
  name: 'accept, before its wake-up',
  async stage({ cluster, probe }, story) {
    const customer = await inviteCustomer(cluster, story);
    const accepting = acceptInvite(cluster, customer);
    await until('The commit', async () => {
      const rows = await probe.rows(`select 1 from invites where id = $1 and status = 'accepted'`, [
        customer.inviteId,
      ]);
      return rows.length > 0;
    });
    return { customers: [customer], letGo: nothing, goOn: () => accepting };
  },
};

/** One customer at each of the four steps. */
function atEachStep(name: string, where: Hold): Boundary {
  return {
    name,
    async stage(scene, story) {
      const { cluster, gate } = scene;
      const customers = await Promise.all(steps.map(() => inviteCustomer(cluster, story)));
      const standing = customers.map((customer, index) =>
        gate.hold(customer.jobId, steps[index] ?? '', where),
      );
      await Promise.all(customers.map((customer) => acceptInvite(cluster, customer)));
      await Promise.all(standing);
      return { customers, letGo: nothing };
    },
  };
}

/** The answers are there, and what follows from them waits for its commit. */
const beforeOutcomesCommit: Boundary = {
  name: 'step, before its outcome commits',
  async stage(scene, story) {
    const { gate, probe } = scene;
    const standing = await atEachStep('', 'after-act').stage(scene, story);
    const locks: RowLock[] = [];
    for (const { jobId } of standing.customers) {
      locks.push(await probe.lock('select 1 from onboardings where id = $1 for update', [jobId]));
    }
    gate.release();
    for (const lock of locks) await lock.contended();
    return {
      customers: standing.customers,
      letGo: async () => {
        await Promise.all(locks.map((lock) => lock.release()));
      },
    };
  },
};

/** Every step is done, and the activation wants the tenant, which the probe holds. */
const beforeActivationCommits: Boundary = {
  name: 'activation, before its commit',
  async stage({ cluster, gate, probe }, story) {
    const customer = await inviteCustomer(cluster, story);
    const atLast = gate.hold(customer.jobId, 'sample.smoke', 'after-act');
    await acceptInvite(cluster, customer);
    await atLast;
    const lock = await probe.lock('select 1 from tenants where id = $1 for update', [
      customer.clientId,
    ]);
    gate.release();
    await lock.contended();
    return { customers: [customer], letGo: () => lock.release() };
  },
};

/** All of them, in the order in which an onboarding meets them. */
export const boundaries: readonly Boundary[] = [
  duringInviteMail,
  beforeAcceptCommits,
  afterAcceptCommits,
  atEachStep('step, before the backend acts', 'before-act'),
  atEachStep('step, after the backend acted', 'after-act'),
  beforeOutcomesCommit,
  beforeActivationCommits,
  duringWelcomeMail,
];
