import { withSystem } from '../../src/platform/db';
import { wakeLifecycle } from '../../src/domain/tenants/wake';
import { newId } from '../../src/platform/ids';
import { person } from '../api/people';
import type { TestApp } from '../support/test-app';
import { waitFor } from '../support/wait-for';
import type { Rows } from './rows';

/** A tenant in status trial and somebody who owns it. */
export interface OwnedTenant {
  readonly id: string;
  readonly slug: string;
  readonly email: string;
}

/** Creates one over the API. */
export async function ownedTrial(
  app: TestApp,
  wish: Record<string, unknown> = {},
): Promise<OwnedTenant> {
  const slug = `t-${newId().slice(-12)}`;
  const { status, body } = await app.call('POST', '/v1/tenants', {
    body: { slug, name: 'Nordlicht', ...wish },
  });
  if (status !== 201) throw new Error(`The tenant was answered ${String(status)}`);
  const owner = await person(app, { tenants: [{ id: body.id, role: 'owner' }] });
  return { id: body.id, slug, email: owner.email };
}

/** Wakes the workflow of a tenant, as every request that changes it does. */
export async function wakeTenant(app: TestApp, tenantId: string): Promise<void> {
  await withSystem(app.deps.db, 'relay', (tx) => app.deps.outbox.wake(tx, wakeLifecycle(tenantId)));
}

/** Lets time go by for a tenant, as its row sees it, and has its workflow look. */
export async function ageTenant(
  app: TestApp,
  rows: Rows,
  tenantId: string,
  interval: string,
): Promise<void> {
  await rows.query(
    `update tenants set created_at = created_at - $2::interval, trial_ends_at = trial_ends_at - $2::interval,
       purge_at = purge_at - $2::interval where id = $1`,
    [tenantId, interval],
  );
  await wakeTenant(app, tenantId);
}

/** Waits until a tenant's row is in a status. */
export function tenantIn(
  rows: Rows,
  tenantId: string,
  status: string,
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- tests look into rows freely
): Promise<any> {
  return waitFor(
    `The tenant in status ${status}`,
    () => rows.one('select status, purged_at from tenants where id = $1', [tenantId]),
    (row) => row.status === status,
  );
}

/** Waits until an address has got so many mails, and returns their subjects. */
export async function subjectsTo(app: TestApp, email: string, n: number): Promise<string[]> {
  const mails = await waitFor(
    `${String(n)} mails to ${email}`,
    () => app.mailbox.messages().filter(({ to }) => to.includes(email)),
    (found) => found.length >= n,
  );
  return mails.map(({ subject }) => subject);
}
