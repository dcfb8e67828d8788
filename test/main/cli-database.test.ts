import { tmpdir } from 'node:os';
import { randomBytes } from 'node:crypto';
import { createDatabase, withOperator } from '../../src/platform/db';
import type { Database, Tx } from '../../src/platform/db';
import { newId } from '../../src/platform/ids';
import { insertJob, insertSteps, insertTenant } from '../domain/onboarding/rows';
import { createTestDatabase } from '../support/database';
import type { TestDatabase } from '../support/database';
import { usher as call } from './command-line';
import type { Called } from './command-line';

let home: TestDatabase;
let db: Database;
let env: NodeJS.ProcessEnv;

const [oldKey, pepper] = [32, 32].map((bytes) => randomBytes(bytes).toString('base64'));
const act = <T>(fn: (tx: Tx) => Promise<T>): Promise<T> => withOperator(db, 'user:test', fn);
const usher = (words: string, more: Partial<NodeJS.ProcessEnv> = {}, stdin = ''): Promise<Called> =>
  call(
    words.match(/'[^']*'|\S+/g)!.map((word) => word.replace(/^'|'$/g, '')),
    {
      env: { ...env, ...more },
      stdin,
    },
  );

beforeAll(async () => {
  home = await createTestDatabase();
  db = createDatabase({ url: home.appUrl, applicationName: 'cli-test', max: 4 });
  env = {
    DATABASE_URL: home.appUrl,
    PUBLIC_URL: 'https://usher.example.com/',
    KEYS_HASH_PEPPER: `p1:${pepper}`,
    SECRETS_KEY_RING: `k1:${oldKey}`,
    COOKIE_SECRET: pepper,
  };
});

afterAll(async () => {
  await db.close();
  await home.drop();
});

describe('onboardings', () => {
  const parked = () =>
    act(async (tx) => {
      const tenantId = await insertTenant(tx, { slug: `p-${newId().slice(-12)}` });
      const job = await insertJob(tx, {
        tenantId,
        email: 'stuck@example.com',
        state: 'failed',
        stoodAt: 'email_confirmed',
        acceptedAgo: 200,
        parkedAgo: 185,
        failedStep: 'sample.register',
        problem: 'backend-refused',
        waitingFor: 'order',
        number: 1,
      });
      await insertSteps(tx, job, { 'sample.register': 'parked', 'sample.smoke': 'pending' });
      const { slug } = await tx.one<{ slug: string }>('select slug from tenants where id = $1', [
        tenantId,
      ]);
      return { ...job, slug };
    });

  it('are listed with what they wait for, and found by state, age and search', async () => {
    const job = await parked();
    const { out } = await usher('onboarding list --parked');
    expect(out).toMatch(
      new RegExp(
        `${job.id} +${job.slug} +failed +sample.register +order, 3 h: backend-refused +\\d`,
      ),
    );
    expect((await usher('onboarding list --parked-for 3h')).out).toContain(job.id);
    expect((await usher('onboarding list --parked-for 4h')).out).toBe('No onboarding matches.');
    expect((await usher('onboarding list stuck@')).out).toContain(job.id);
    const [listed] = JSON.parse((await usher(`onboarding list ${job.slug} --json`)).out);
    expect(listed).toMatchObject({ job_id: job.id, status: 'failed', tenant_slug: job.slug });
  });

  it('are shown whole, by id, invite, tenant or slug, with what to do', async () => {
    const job = await parked();
    const shown = await usher(`onboarding show ${job.slug}`);
    expect(shown.out).toContain('The backend refused the request (backend-refused).');
    for (const order of ['retry', 'rollback', 'cancel']) {
      expect(shown.out).toContain(`\n  usher onboarding ${order} ${job.id} --reason '…'`);
    }
    expect(shown.out).toMatch(/\n {2}usher onboarding fix \S+ \[--spreadsheet-id ID\] /);
    expect(shown.out).not.toContain('usher onboarding skip');
    expect(shown.out).toMatch(/sample\.register +parked +0/);
    for (const key of [job.id, job.id.toUpperCase(), job.inviteId, job.tenantId]) {
      expect((await usher(`onboarding show ${key}`)).out).toBe(shown.out);
    }
    const detail = JSON.parse((await usher(`onboarding show ${job.id} --json`)).out);
    expect(detail).toMatchObject({ job_id: job.id, workflow_id: `onboarding/${job.inviteId}` });
    const none = await usher(`onboarding show ${job.slug.slice(0, 8)}`);
    expect(none).toMatchObject({ code: 1 });
    expect(none.err).toContain(`Near it: `);
  });

  it('show text of others without the characters that steer a terminal', async () => {
    const job = await parked();
    await act((tx) =>
      tx.run(`update tenants set name = E'\\x1b[2Jevil\\nname' where id = $1`, [job.tenantId]),
    );
    const { out } = await usher(`onboarding show ${job.id}`);
    expect(out).not.toContain('\u001b');
    expect(out).toContain('evil name');
  });

  it('are woken again through the outbox', async () => {
    const job = await parked();
    const wakes = async () =>
      act((tx) =>
        tx.rows('select workflow_type, input from outbox where workflow_id = $1', [
          `onboarding/${job.inviteId}`,
        ]),
      );
    expect((await usher(`onboarding restart ${job.slug}`)).out).toContain(
      `Woken: onboarding/${job.inviteId}`,
    );
    expect(await wakes()).toEqual([
      { workflow_type: 'onboardTenant', input: { inviteId: job.inviteId } },
    ]);
    const ended = await act((tx) =>
      insertJob(tx, { state: 'active', acceptedAgo: 9, activatedAgo: 8 }),
    );
    expect((await usher('onboarding restart --all')).out).toMatch(/Woken: \d+ onboarding/);
    expect(await wakes()).toHaveLength(2);
    const { count } = await act((tx) =>
      tx.one<{ count: number }>(
        'select count(*)::int as count from outbox where workflow_id = $1',
        [`onboarding/${ended.inviteId}`],
      ),
    );
    expect(count).toBe(0);
  });
});

describe('the outbox', () => {
  it('shows what is stuck, and dead letters are tried again on demand', async () => {
    const [dead, waiting] = [newId(), newId()];
    await act(async (tx) => {
      await tx.run(
        `insert into outbox (id, aggregate, n, workflow_type, workflow_id, input, created_at, dead_at, last_error, attempts)
         values ($1, 'a', 1, 'onboardTenant', 'onboarding/a', '{}', now() - interval '1 hour', now(), 'gRPC 3', 4),
           ($2, 'b', 1, 'onboardTenant', 'onboarding/b', '{}', now() - interval '1 minute', null, null, 0)`,
        [dead, waiting],
      );
    });
    const { out } = await usher('outbox list');
    expect(out).toMatch(new RegExp(`${dead} +onboarding/a +1 h +dead +gRPC 3`));
    expect(out).toMatch(new RegExp(`${waiting} +onboarding/b +1 min +tried 0×`));
    expect((await usher('outbox list --dead')).out).not.toContain(waiting);
    expect((await usher('outbox list --older-than 120')).out).not.toContain(waiting);
    expect((await usher('outbox replay --dead')).out).toContain('1 wake-up(s) will be tried again');
    expect((await usher('outbox replay --dead')).out).toBe('There are no dead letters.');
    expect(await usher(`outbox replay ${dead}`)).toMatchObject({ code: 0 });
    expect(await usher(`outbox replay ${newId()}`)).toMatchObject({ code: 1 });
    expect((await usher('outbox list --dead')).out).toBe('Nothing is stuck.');
  });
});

describe('mails', () => {
  it('that need a look are listed', async () => {
    expect((await usher('mails list')).out).toBe('No mail is uncertain or bounced.');
    await act(async (tx) => {
      for (const status of ['uncertain', 'bounced', 'sent']) {
        await tx.run(
          `insert into mails (id, kind, owner, to_email, locale, message_id, status, problem, problem_detail)
           values ($1, 'invite', 'workflow', $2, 'en', $3, $4, 'mail-bounced', 'SMTP 550')`,
          [newId(), `${status}@example.com`, newId(), status],
        );
      }
    });
    const { out } = await usher('mails list');
    expect(out).toContain('uncertain@example.com');
    expect(out).toContain('mail-bounced: SMTP 550');
    expect(out).not.toContain('sent@example.com');
    expect((await usher('mails list --sent')).out).toContain('sent@example.com');
    expect(JSON.parse((await usher('mails list --bounced --json')).out)).toMatchObject([
      { to_email: 'bounced@example.com' },
    ]);
  });
});

describe('connector check', () => {
  it('renders the requests for a client, with every secret masked, and sends nothing with --no-probe', async () => {
    const job = await act(async (tx) => {
      const inserted = await insertJob(tx, { acceptedAgo: 5 });
      await tx.run(
        `insert into onboarding_inputs (onboarding_id, tenant_id, spreadsheet_id, owner_email)
         values ($1, $2, 'sheet-of-acme', 'boss@example.com')`,
        [inserted.id, inserted.tenantId],
      );
      return inserted;
    });
    const words = `connector check connectors/sample.json --no-probe --dry-run ${job.tenantId}`;
    const called = await usher(words, {
      SAMPLE_BACKEND_URL: 'http://127.0.0.1:1',
      SAMPLE_BACKEND_KEY: 'the-key-of-the-backend',
    });
    expect(called).toMatchObject({ code: 0, err: '' });
    expect(called.out).toContain('sheet-of-acme');
    expect(called.out).not.toContain('the-key-of-the-backend');
    expect(called.out).not.toContain('boss@example.com');
    expect(called.out).toContain('The probe was not run');
  });

  it('fails for a probe that is not answered, for a file that is not there and for an unknown client', async () => {
    const backend = {
      SAMPLE_BACKEND_URL: 'http://127.0.0.1:1',
      SAMPLE_BACKEND_KEY: 'k',
      OUTBOUND_ALLOW_CIDRS: '127.0.0.0/8',
    };
    const down = await usher('connector check connectors/sample.json', backend);
    expect(down).toMatchObject({ code: 1 });
    expect(down.out).toContain('The probe failed');
    expect(await usher('connector check connectors/none.json')).toMatchObject({ code: 1 });
    const unknown = await usher('connector check connectors/sample.json --dry-run nobody');
    expect(unknown).toMatchObject({
      code: 1,
      err: expect.stringContaining('There is no onboarding of nobody'),
    });
  });
});

describe('doctor', () => {
  const away = {
    TEMPORAL_ADDRESS: '127.0.0.1:1',
    SMTP_URL: 'smtp://127.0.0.1:1',
    SAMPLE_BACKEND_URL: 'http://127.0.0.1:1',
    SAMPLE_BACKEND_KEY: 'k',
    OUTBOUND_ALLOW_CIDRS: '127.0.0.0/8',
  };

  it('finds the database in order and says of each other part what to do', async () => {
    await usher('create-owner --email owner@example.com --name Owner');
    const { code, out } = await usher('doctor', away);
    expect(code).toBe(1);
    for (const part of [
      'configuration',
      'database',
      'database role',
      'row-level security',
      'migrations',
      'owner',
      'disk space',
      'exports',
    ]) {
      expect(out).toMatch(new RegExp(`^ok +${part} `, 'm'));
    }
    for (const part of ['temporal', 'mail server', 'connectors']) {
      expect(out).toMatch(new RegExp(`^FAIL +${part} .+\\n +→ .+`, 'm'));
    }
    expect(out).toContain('3 thing(s) do not work.');
    expect(out).toMatch(/^look +operators +nobody is told .+\n +→ Set OPERATORS_MAIL/m);
    const told = await usher('doctor', { ...away, OPERATORS_MAIL: 'ops@example.com' });
    expect(told.out).toMatch(/^ok +operators +ops@example.com /m);
  });

  it('says that no deleted tenant is purged where exports have no place', async () => {
    const { out } = await usher('doctor', { ...away, APP_ENV: 'prod' });
    expect(out).toMatch(/^look +exports +have no place.+\n +→ Set TENANT_EXPORT_DIR/m);
    const placed = await usher('doctor', { ...away, TENANT_EXPORT_DIR: tmpdir() });
    expect(placed.out).toMatch(/^ok +exports +go to /m);
  });

  it('notices the wrong role, which row-level security does not hold, and answers JSON', async () => {
    const { out } = await usher('doctor --json', { ...away, DATABASE_URL: home.ownerUrl });
    const found = JSON.parse(out) as {
      name: string;
      findings: { state: string; detail: string }[];
    }[];
    const role = found.find(({ name }) => name === 'database role');
    expect(role?.findings).toMatchObject([
      { state: 'bad', detail: expect.stringContaining('usher_owner, which owns tables') },
    ]);
  });

  it('notices every mistake of the configuration at once, and goes on without a database', async () => {
    const { code, out } = await usher('doctor', {
      ...away,
      DATABASE_URL: '',
      ADDR: 'nowhere',
      SMTP_URL: 'x',
    });
    expect(code).toBe(1);
    expect(out).toMatch(/^FAIL +configuration +3 mistake/m);
    expect(out).toContain('→ ADDR must be');
    expect(out).toMatch(/^FAIL +mail server/m);
  });
});

describe('the longest lease', () => {
  it('is set and shown, up to what orders can wait for', async () => {
    expect((await usher('lease show')).out).toBe('0 ms');
    expect(await usher('lease set 10000')).toMatchObject({ code: 0 });
    expect((await usher('lease show')).out).toBe('10000 ms');
    for (const ms of ['10001', '1.5', 'long']) {
      const called = await usher(`lease set ${ms}`);
      expect(called).toMatchObject({ code: 2, out: '' });
      expect(called.err).toContain('from 0 to 10000');
    }
    await usher('lease set 0');
  });
});
