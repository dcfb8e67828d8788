import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { addAuditTrail } from './audit-trail';

/** Where the one Postgres of a run listens, and its migrated template database, which nobody connects to. */
export interface PostgresAddresses {
  readonly port: number;
  readonly superUrl: string;
  readonly ownerUrl: string;
  readonly appUrl: string;
  readonly sequencerUrl: string;
  readonly template: string;
}

/** Where the one Temporal server of a run listens. */
export interface TemporalAddress {
  readonly address: string;
  readonly namespace: string;
}

/** The workflow bundle of a run, for `Worker.create({ workflowBundle })`. */
export interface BundleFile {
  readonly codePath: string;
}

/** What a start answers, and how it is undone. */
export interface Shared<T> {
  readonly answer: T;
  stop?(): Promise<void>;
}

const root = join(__dirname, '..', '..');
const load = createRequire(join(root, 'package.json'));

/** Compiles what changed: the servers run as in production, from dist/. */
export async function buildSources(): Promise<void> {
  try {
    await promisify(execFile)(process.execPath, [join(root, 'bin', 'lib', 'build.mjs')]);
  } catch (error) {
    // Whatever compiled is there; a test that needs the rest says so itself.
    console.warn((error as { stderr?: string }).stderr ?? error);
  }
}

/** Starts Postgres with the roles of production and migrates the database that test databases are cloned from. */
export async function startPostgres(stateDir: string): Promise<Shared<PostgresAddresses>> {
  const servers = load(
    './dist/src/servers/postgres.js',
  ) as typeof import('../../src/servers/postgres');
  const { migrateUp } = load(
    './dist/src/main/migrate.js',
  ) as typeof import('../../src/main/migrate');
  const postgres = await servers.startPostgres({
    stateDir: join(stateDir, 'postgres'),
    tuning: 'test',
  });
  await migrateUp(postgres.ownerUrl).catch(async (error: unknown) => {
    await postgres.stop();
    throw error;
  });
  const { port, superUrl, ownerUrl, appUrl, sequencerUrl } = postgres;
  const template = new URL(ownerUrl).pathname.slice(1);
  await addAuditTrail(superUrl, template);
  return {
    answer: { port, superUrl, ownerUrl, appUrl, sequencerUrl, template },
    stop: () => postgres.stop(),
  };
}

/** Starts the tuned Temporal dev server. */
export async function startTemporal(stateDir: string): Promise<Shared<TemporalAddress>> {
  const servers = load(
    './dist/src/servers/temporal.js',
  ) as typeof import('../../src/servers/temporal');
  const temporal = await servers.startTemporal({
    stateDir: join(stateDir, 'temporal'),
    ui: false,
  });
  return {
    answer: { address: temporal.address, namespace: temporal.namespace },
    stop: () => temporal.stop(),
  };
}

/** The bundle that the build made. */
export async function workflowBundle(): Promise<Shared<BundleFile>> {
  const codePath = join(root, 'dist', 'workflow-bundle.js');
  if (!existsSync(codePath)) throw new Error('The build made no workflow bundle: npm run build');
  return { answer: { codePath } };
}
