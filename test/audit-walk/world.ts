import { randomBytes } from 'node:crypto';
import { withSystem } from '../../src/platform/db';
import type { Tx } from '../../src/platform/db';
import { newId } from '../../src/platform/ids';
import { issued, tenant } from '../api/api-keys/key-world';
import { machine, person, signedIn } from '../api/people';
import { rotated } from '../api/api-keys/rotation-world';
import type { Rotated } from '../api/api-keys/rotation-world';
import { insertJob } from '../domain/onboarding/rows';
import type { GivenJob } from '../domain/onboarding/rows';
import { accept, invite } from '../support/journey';
import type { Invited } from '../support/journey';
import type { PersonWish, TestPerson } from '../support/identity-people';
import type { TestApp } from '../support/test-app';
import type { Rows } from '../workflows/rows';

/** What the requests of the walk are made of; everything is new, so that no stop depends on another. */
export interface World {
  readonly app: TestApp;
  /** As superuser, for rows that no role of Usher's may make. */
  asSuper(sql: string): Promise<unknown>;
  act<T>(fn: (tx: Tx) => Promise<T>): Promise<T>;
  person(wish?: PersonWish): Promise<TestPerson>;
  /** Headers of a browser in which somebody is signed in who may do everything; `anonymous` for the key beside it. */
  owner(): Promise<{ anonymous: true; headers: Record<string, string> }>;
  browserOf(who: TestPerson): Promise<{ anonymous: true; headers: Record<string, string> }>;
  /** A service account with just these permissions: those that need a step-up are not in any role's key. */
  machine(...permissions: string[]): Promise<{ id: string; key: string }>;
  tenant(status?: string): Promise<{ id: string; slug: string }>;
  job(given?: GivenJob): Promise<{ id: string; inviteId: string; tenantId: string }>;
  /** A customer who has accepted an invite. */
  accepted(over?: Record<string, unknown>): Promise<Invited>;
  /** An onboarding that is parked at a step which may be skipped. */
  parked(): Promise<Invited>;
  key(): Promise<{ id: string; tenantId: string; plaintext: string }>;
  rotation(): Promise<Rotated>;
  /** What a POST of the API answers. */
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- tests look into answers freely
  made(path: string, body?: unknown, request?: object): Promise<any>;
}

/** A name that nobody has. */
export const fresh = (): string => `w-${randomBytes(5).toString('hex')}`;

/** Makes the world of an app. */
export function worldOf(app: TestApp, rows: Rows): World {
  const act: World['act'] = (fn) => withSystem(app.deps.db, 'cli', fn);
  const world: World = {
    app,
    act,
    asSuper: (text) => rows.query(text),
    person: (wish) => person(app, wish),
    owner: async () => world.browserOf(await person(app, { roles: ['owner'] })),
    browserOf: async (who) => ({ anonymous: true, headers: await signedIn(app, who) }),
    machine: (...permissions) => machine(app, permissions),
    async tenant(status = 'active') {
      const id = await tenant(app, { status });
      const [row] = await act((tx) =>
        tx.rows<{ slug: string }>('select slug from tenants where id = $1', [id]),
      );
      return { id, slug: row?.slug ?? '' };
    },
    job: (given) => act((tx) => insertJob(tx, given)),
    async accepted(over = {}) {
      const invited = await invite(app, over);
      await accept(app, invited);
      return invited;
    },
    async parked() {
      const invited = await world.accepted();
      const at = [invited.jobId];
      await act(async (tx) => {
        await tx.run(
          `update onboarding_steps set status = case key when 'sample.smoke' then 'parked' else 'done' end
           where onboarding_id = $1`,
          at,
        );
        await tx.run(
          `update onboardings set state = 'failed', stood_at = 'token_added', waiting_for = 'order', waiting_since = now(),
             number = 1, failed_step = 'sample.smoke', problem = 'backend-refused', parked_at = now() where id = $1`,
          at,
        );
      });
      return invited;
    },
    async key() {
      const tenantId = await tenant(app);
      const { id, plaintext } = await issued(app, tenantId);
      return { id, tenantId, plaintext };
    },
    rotation: async () => rotated(app, await tenant(app)),
    async made(path, body = {}, request = {}) {
      const answer = await app.call('POST', path, { body, ...request });
      if (answer.status >= 300)
        throw new Error(`POST ${path}: ${String(answer.status)} ${JSON.stringify(answer.body)}`);
      return answer.body;
    },
  };
  return world;
}

/** An id that nothing has. */
export const anId = newId;
