import { acceptInvite, inviteCustomer, newAddress, order } from './customers';
import type { Customer } from './customers';
import type { Hold } from './gate';
import { mailsTo, slowMail } from './mail-faults';
import { until } from './probe';
import type { Lock } from './probe';
import type { Scene } from './scene';

/** Customers who stand at a boundary: what comes next for each is the commit, call or mail that the fault shall meet. */
export interface Standing {
  /** Lets go whatever was held; called after the kill and before the restart. */
  letGo(): Promise<void>;
  /** What the customers themselves do once the system is back; resolves with all who took part. */
  goOn(): Promise<readonly Customer[]>;
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

const nothing = (): Promise<void> => Promise.resolve();

/** A promise that may fail while nobody looks, since whoever staged it is busy with the fault. */
function later<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => undefined);
  return promise;
}

/** An invite that has written its rows and not committed them: the probe keeps everybody from writing invites. */
const beforeInviteCommits: Boundary = {
  name: 'invite, before its commit',
  async stage(scene, story) {
    const lock = await scene.probe.lock('lock table invites in share mode');
    const inviting = later(inviteCustomer(scene, story));
    await lock.contended();
    return {
      letGo: () => lock.release(),
      goOn: async () => {
        const customer = await inviting;
        await acceptInvite(scene, customer);
        return [customer];
      },
    };
  },
};

/** In the middle of the invite mail: the server has it, and has not said so yet. */
const duringInviteMail: Boundary = {
  name: 'invite mail, while it is sent',
  async stage(scene, story) {
    const email = newAddress();
    await slowMail(scene, email);
    const customer = await inviteCustomer(scene, story, { email });
    await until('The mail', async () => (await mailsTo(scene, email)) > 0);
    return {
      letGo: nothing,
      goOn: async () => {
        await acceptInvite(scene, customer);
        return [customer];
      },
    };
  },
};

/** An accept that has written its rows and not committed them: it wants the tenant, which the probe holds. */
const beforeAcceptCommits: Boundary = {
  name: 'accept, before its commit',
  async stage(scene, story) {
    const customer = await inviteCustomer(scene, story);
    const lock = await lockTenant(scene, customer);
    const accepting = later(acceptInvite(scene, customer));
    await lock.contended();
    return { letGo: () => lock.release(), goOn: () => accepting.then(() => [customer]) };
  },
};

const lockTenant = ({ probe }: Scene, { clientId }: Customer): Promise<Lock> =>
  probe.lock('select 1 from tenants where id = $1 for update', [clientId]);

/** An accept that is committed while its wake-up cannot be delivered: Temporal stands still. */
const beforeWakeUp: Boundary = {
  name: 'accept, before its wake-up',
  async stage(scene, story) {
    const { temporal } = scene.cluster.parts;
    const customer = await inviteCustomer(scene, story);
    temporal.freeze();
    const accepting = later(acceptInvite(scene, customer));
    await untilRow(scene, `select 1 from invites where id = $1 and status = 'accepted'`, [
      customer.inviteId,
    ]);
    return {
      letGo: () => {
        temporal.thaw();
        return Promise.resolve();
      },
      goOn: () => accepting.then(() => [customer]),
    };
  },
};

/** Resolves when a question finds a row. */
function untilRow({ probe }: Scene, sql: string, params: readonly unknown[]): Promise<void> {
  return until('A row', async () => (await probe.rows(sql, params)).length > 0);
}

/** One customer at each of the four steps. */
function atEachStep(name: string, where: Hold): Boundary {
  return {
    name,
    async stage(scene, story) {
      const customers = await oneAtEachStep(scene, story, where);
      return { letGo: nothing, goOn: () => Promise.resolve(customers) };
    },
  };
}

async function oneAtEachStep(scene: Scene, story: string, where: Hold): Promise<Customer[]> {
  const customers = await Promise.all(steps.map(() => inviteCustomer(scene, story)));
  const standing = customers.map(({ jobId }, n) => scene.gate.hold(jobId, steps[n] ?? '', where));
  await Promise.all(customers.map((customer) => acceptInvite(scene, customer)));
  await Promise.all(standing);
  return customers;
}

/** A step that has written its attempt and not committed it: it wants the slots of its path, which the probe holds. */
const beforeAttemptCommits: Boundary = {
  name: 'step, before its attempt commits',
  async stage(scene, story) {
    const customer = await inviteCustomer(scene, story);
    const lock = await scene.probe.lock('select 1 from connector_paths for update');
    const accepting = later(acceptInvite(scene, customer));
    await lock.contended();
    return { letGo: () => lock.release(), goOn: () => accepting.then(() => [customer]) };
  },
};

/** The answers are there, and what follows from them waits for its commit. */
const beforeOutcomesCommit: Boundary = {
  name: 'step, before its outcome commits',
  async stage(scene, story) {
    const customers = await oneAtEachStep(scene, story, 'after-act');
    const locks = await Promise.all(
      customers.map(({ jobId }) =>
        scene.probe.lock('select 1 from onboardings where id = $1 for update', [jobId]),
      ),
    );
    scene.gate.release();
    for (const lock of locks) await lock.contended();
    return {
      letGo: async () => {
        await Promise.all(locks.map((lock) => lock.release()));
      },
      goOn: () => Promise.resolve(customers),
    };
  },
};

/** Every step is done, and the activation wants the tenant, which the probe holds. */
const beforeActivationCommits: Boundary = {
  name: 'activation, before its commit',
  async stage(scene, story) {
    const customer = await inviteCustomer(scene, story);
    const atLast = scene.gate.hold(customer.jobId, 'sample.smoke', 'after-act');
    await acceptInvite(scene, customer);
    await atLast;
    const lock = await lockTenant(scene, customer);
    scene.gate.release();
    await lock.contended();
    return { letGo: () => lock.release(), goOn: () => Promise.resolve([customer]) };
  },
};

/** In the middle of the welcome mail. */
const duringWelcomeMail: Boundary = {
  name: 'welcome mail, while it is sent',
  async stage(scene, story) {
    const customer = await inviteCustomer(scene, story);
    await untilRow(scene, `select 1 from mails where invite_id = $1 and status = 'sent'`, [
      customer.inviteId,
    ]);
    await slowMail(scene, customer.email);
    await acceptInvite(scene, customer);
    await until('The mail', async () => (await mailsTo(scene, customer.email)) > 1);
    return { letGo: nothing, goOn: () => Promise.resolve([customer]) };
  },
};

/** A customer whose last step was refused for good. */
async function parkedCustomer(scene: Scene, story: string): Promise<Customer> {
  const customer = await inviteCustomer(scene, story);
  const refusal = { kind: 'status', status: 400 } as const;
  scene.gate.meddle(customer.jobId, 'sample.smoke', refusal, { times: 1 });
  await acceptInvite(scene, customer);
  await untilRow(
    scene,
    `select 1 from onboardings where id = $1 and state = 'failed' and waiting_for = 'order'`,
    [customer.jobId],
  );
  return customer;
}

/** An order that has written its row and not committed it: the probe holds the onboarding. */
const beforeOrderCommits: Boundary = {
  name: 'retry by order, before its commit',
  async stage(scene, story) {
    const customer = await parkedCustomer(scene, story);
    const lock = await scene.probe.lock('select 1 from onboardings where id = $1 for update', [
      customer.jobId,
    ]);
    const ordering = later(order(scene, customer, 'retry'));
    await lock.contended();
    return { letGo: () => lock.release(), goOn: () => ordering.then(() => [customer]) };
  },
};

/** A rollback in the middle: the backend has deleted the last object but one, and has not said so yet. */
const duringRollback: Boundary = {
  name: 'rollback by order, after the backend acted',
  async stage(scene, story) {
    const customer = { ...(await parkedCustomer(scene, story)), ends: 'rolled_back' } as const;
    const undoing = scene.gate.hold(customer.jobId, 'sample.add-token:undo', 'after-act');
    const ordering = later(order(scene, customer, 'rollback'));
    await undoing;
    return { letGo: nothing, goOn: () => ordering.then(() => [customer]) };
  },
};

/** All of them, in the order in which an onboarding meets them. */
export const boundaries = {
  beforeInviteCommits,
  duringInviteMail,
  beforeAcceptCommits,
  beforeWakeUp,
  beforeAttemptCommits,
  beforeAct: atEachStep('step, before the backend acts', 'before-act'),
  afterAct: atEachStep('step, after the backend acted', 'after-act'),
  beforeOutcomesCommit,
  beforeActivationCommits,
  duringWelcomeMail,
  beforeOrderCommits,
  duringRollback,
} as const satisfies Record<string, Boundary>;
