import { spawn, type ChildProcess } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { processesIn } from '../../src/servers/leftovers';
import { startPostgres, type PostgresServer } from '../../src/servers/postgres';
import { isRunning, markProcess, waitForEnd } from '../../src/servers/process-identity';
import { buildSources } from '../support/start-servers';
import { newStateFolder, removeStateFolder } from './state-folder';

let stateDir: string;
let server: PostgresServer | undefined;
const helpers: ChildProcess[] = [];

beforeAll(buildSources);
beforeEach(() => {
  stateDir = newStateFolder();
});
afterEach(async () => {
  for (const helper of helpers.splice(0)) {
    const closed = new Promise((resolve) => helper.once('close', resolve));
    helper.kill('SIGKILL');
    await closed;
  }
  await server?.stop();
  server = undefined;
  removeStateFolder(stateDir);
});

async function start(): Promise<PostgresServer> {
  server = await startPostgres({ stateDir, tuning: 'test' });
  return server;
}

async function stop(): Promise<void> {
  await server?.stop();
  server = undefined;
}

async function query<T extends object>(url: string, sql: string): Promise<T[]> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<T>(sql)).rows;
  } finally {
    await client.end();
  }
}

const dataFolder = () => join(stateDir, 'postgres');
const pidFile = () => join(dataFolder(), 'postmaster.pid');

/**
 * Starts a server in a process of its own and kills that together with the keeper, so that nobody
 * stops the server.
 */
async function leaveServerBehind(): Promise<number> {
  const compiled = join(__dirname, '..', '..', 'dist', 'src', 'servers');
  const script = `
    const { startKeeper } = require(${JSON.stringify(join(compiled, 'keeper-client.js'))});
    const { startPostgres } = require(${JSON.stringify(join(compiled, 'postgres.js'))});
    const stateDir = ${JSON.stringify(stateDir)};
    const keeper = startKeeper({ stateDir });
    startPostgres({ stateDir, keeper, tuning: 'test' }).then(({ pid }) => {
      console.log(pid);
      process.kill(keeper.pid, 'SIGKILL');
      process.kill(process.pid, 'SIGKILL');
    });`;
  const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
  await new Promise((resolve) => child.once('close', resolve));
  return Number(output);
}

describe('PostgreSQL', () => {
  it('has the roles of production: no superuser, none past row-level security, none in another', async () => {
    const { superUrl, ownerUrl, appUrl, sequencerUrl } = await start();
    const roles = await query(
      superUrl,
      `select rolname, rolsuper, rolbypassrls, rolcreatedb, rolcreaterole, rolreplication
         from pg_roles where rolname like 'usher%' order by 1`,
    );
    const harmless = {
      rolsuper: false,
      rolbypassrls: false,
      rolcreatedb: false,
      rolcreaterole: false,
      rolreplication: false,
    };
    expect(roles).toEqual(
      ['usher_app', 'usher_owner', 'usher_sequencer'].map((rolname) => ({ rolname, ...harmless })),
    );
    expect(
      await query(
        superUrl,
        `select 1 from pg_auth_members where member::regrole::text like 'usher%'`,
      ),
    ).toEqual([]);
    for (const [url, user] of [
      [ownerUrl, 'usher_owner'],
      [appUrl, 'usher_app'],
      [sequencerUrl, 'usher_sequencer'],
    ] as const) {
      expect(await query(url, 'select current_user, current_database() as name')).toEqual([
        { current_user: user, name: 'usher' },
      ]);
    }
  });

  it('lets the owner make extensions and tables, and the app neither', async () => {
    const { ownerUrl, appUrl } = await start();
    for (const name of ['citext', 'pg_trgm', 'btree_gin', 'pgcrypto']) {
      await query(ownerUrl, `create extension ${name}`);
    }
    await query(ownerUrl, 'create table kept (id int)');
    await expect(query(appUrl, 'create table own (id int)')).rejects.toMatchObject({
      code: '42501',
    });
    await expect(query(appUrl, 'select id from kept')).rejects.toMatchObject({ code: '42501' });
  });

  it('listens on the loopback address only and asks for a password', async () => {
    const { superUrl, appUrl } = await start();
    const [setting] = await query(superUrl, 'show listen_addresses');
    expect(setting).toEqual({ listen_addresses: '127.0.0.1' });
    const wrong = new URL(appUrl);
    wrong.password = 'wrong';
    await expect(query(wrong.href, 'select 1')).rejects.toMatchObject({ code: '28P01' });
  });

  it('keeps port, passwords and data over a restart', async () => {
    const first = await start();
    await query(first.ownerUrl, 'create table kept (id int); insert into kept values (7)');
    await stop();
    const second = await start();
    expect(second.created).toBe(false);
    expect(second.appUrl).toBe(first.appUrl);
    expect(await query(second.ownerUrl, 'select id from kept')).toEqual([{ id: 7 }]);
  });

  it('is stopped and started again after it was left behind', async () => {
    const left = markProcess(await leaveServerBehind());
    expect(left && isRunning(left)).toBe(true);
    const { pid, superUrl } = await start();
    expect(left && isRunning(left)).toBe(false);
    expect(pid).not.toBe(left?.pid);
    expect(await query(superUrl, 'select 1 as one')).toEqual([{ one: 1 }]);
  });

  it('starts on its data after a kill -9', async () => {
    const first = await start();
    await query(first.ownerUrl, 'create table kept (id int); insert into kept values (7)');
    const mark = markProcess(first.pid);
    process.kill(first.pid, 'SIGKILL');
    expect(mark && (await waitForEnd(mark, 5_000))).toBe(true);
    await stop();
    expect(existsSync(pidFile())).toBe(true);
    expect(await query((await start()).ownerUrl, 'select id from kept')).toEqual([{ id: 7 }]);
  });

  it('is not misled by a pid file that names a process of somebody else', async () => {
    await start();
    await stop();
    const stranger = spawn('sleep', ['60'], { stdio: 'ignore' });
    helpers.push(stranger);
    writeFileSync(
      pidFile(),
      `${String(stranger.pid)}\n${dataFolder()}\n1\n5432\n\n127.0.0.1\n\nready\n`,
    );
    await start();
    expect(stranger.exitCode).toBeNull();
  });

  it('is refused while another system uses the folder, which goes on', async () => {
    const first = await start();
    await expect(startPostgres({ stateDir, tuning: 'test' })).rejects.toMatchObject({
      message: expect.stringContaining('for a system that is in use') as string,
      advice: expect.stringContaining('Stop that system') as string,
    });
    expect(await query(first.superUrl, 'select 1 as one')).toEqual([{ one: 1 }]);
  });

  it('begins anew where making the data folder was cut short', async () => {
    mkdirSync(join(stateDir, 'postgres.new-cut-short'));
    writeFileSync(join(stateDir, 'postgres.new-cut-short', 'PG_VERSION'), '18\n');
    const { created } = await start();
    expect(created).toBe(true);
    expect(existsSync(join(stateDir, 'postgres.new-cut-short'))).toBe(false);
  });

  it('leaves nobody standing in its data folder when it is stopped', async () => {
    await start();
    expect(processesIn(dataFolder(), 'postgres').length).toBeGreaterThan(0);
    await stop();
    expect(processesIn(dataFolder(), 'postgres')).toEqual([]);
  });

  it('writes no error or fatal line into its log in a life without errors', async () => {
    await start();
    await stop();
    await start();
    await stop();
    const log = readFileSync(join(stateDir, 'logs', 'postgres.log'), 'utf8');
    expect(log).toContain('database system is ready');
    expect(log).not.toMatch(/ERROR|FATAL|PANIC|WARNING/);
  });
});

describe('a start that cannot succeed says what to do:', () => {
  const refusal = (message: string, advice: string) =>
    expect(start()).rejects.toMatchObject({
      message: expect.stringContaining(message) as string,
      advice: expect.stringContaining(advice) as string,
    });

  it('a folder that Usher did not make', async () => {
    mkdirSync(dataFolder());
    writeFileSync(join(dataFolder(), 'notes.txt'), 'mine');
    await refusal('was not made by Usher', 'Move it away');
    expect(readFileSync(join(dataFolder(), 'notes.txt'), 'utf8')).toBe('mine');
  });

  it('data of another major version', async () => {
    await start();
    await stop();
    writeFileSync(join(dataFolder(), 'PG_VERSION'), '17\n');
    await refusal('was written by PostgreSQL 17, and this is 18', 'bin/dev --reset');
  });

  it('secrets that do not belong to the data', async () => {
    await start();
    await stop();
    rmSync(join(stateDir, 'secrets'));
    await refusal('made with other secrets', 'Restore the secrets file');
  });

  it('a fixed port that is taken', async () => {
    const blocker = createServer();
    await new Promise<void>((resolve) => blocker.listen(0, '127.0.0.1', resolve));
    const { port } = blocker.address() as { port: number };
    await expect(startPostgres({ stateDir, port, tuning: 'test' })).rejects.toMatchObject({
      message: `Port ${String(port)}, on which PostgreSQL should listen, is in use by another program.`,
    });
    await new Promise((resolve) => blocker.close(resolve));
  });

  it('a setting that the server refuses, with the lines of its log', async () => {
    await start();
    await stop();
    writeFileSync(join(dataFolder(), 'postgresql.conf'), 'work_mem = plenty\n');
    await refusal('invalid value for parameter "work_mem"', 'from its log');
  });
});

// Only root runs PostgreSQL as somebody else; for others the data is always beside the rest.
if (process.getuid?.() === 0) {
  describe('as root, in a folder that the OS user postgres cannot enter,', () => {
    let parent: string;

    beforeEach(() => {
      parent = mkdtempSync(join(tmpdir(), 'usher-private-'));
      chmodSync(parent, 0o700);
      rmSync(stateDir, { recursive: true });
      stateDir = join(parent, 'state');
    });
    afterEach(async () => {
      await stop();
      removeStateFolder(stateDir);
      rmSync(parent, { recursive: true, force: true });
    });

    it('data is kept elsewhere, linked, found again and deleted with the state', async () => {
      const first = await start();
      await stop();
      expect(lstatSync(dataFolder()).isSymbolicLink()).toBe(true);
      const place = readlinkSync(dataFolder());
      expect((await start()).appUrl).toBe(first.appUrl);
      await stop();
      removeStateFolder(stateDir);
      expect(existsSync(place)).toBe(false);
    });

    it('a clone that was moved keeps its data, and a copy gets its own', async () => {
      const first = await start();
      await query(first.ownerUrl, 'create table kept (id int)');
      await stop();
      const before = readlinkSync(dataFolder());
      renameSync(stateDir, join(parent, 'moved'));
      stateDir = join(parent, 'moved');
      expect(await query((await start()).ownerUrl, 'select id from kept')).toEqual([]);
      await stop();
      const original = stateDir;
      stateDir = join(parent, 'copy');
      await new Promise((resolve) =>
        spawn('cp', ['-a', `${original}/.`, stateDir]).once('close', resolve),
      );
      expect((await start()).created).toBe(true);
      await stop();
      expect(readlinkSync(join(original, 'postgres'))).toBe(before);
      expect(readlinkSync(dataFolder())).not.toBe(before);
      removeStateFolder(original);
    });
  });
}
