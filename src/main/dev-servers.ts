import { startPostgres, type PostgresServer } from '../servers/postgres';
import type { RunFile } from '../servers/run-file';
import type { DevSecrets } from '../servers/secrets';
import { startTemporal, type TemporalServer } from '../servers/temporal';
import {
  isConfigured,
  objectStoreKeys,
  sampleBackendKey,
  type ServerParts,
} from './dev-environment';
import { migrate } from './dev-programs';
import {
  startBackendProcess,
  startMailboxProcess,
  startObjects,
  type SystemContext,
  type ToolServer,
} from './dev-tools';
import type { Running, Supervised } from './supervise';

/** Keeps one part running; `onRestart` says what of run.json is different then. */
export type KeepRunning = <T extends Running>(
  part: Part,
  start: () => Promise<T>,
  onRestart: (next: T) => Partial<RunFile>,
) => Promise<Supervised<T>>;

/** Parts of a system that can go down each by itself. */
export const parts = ['postgres', 'temporal', 'mailbox', 'backend', 'api', 'worker'] as const;

/** One of them. */
export type Part = (typeof parts)[number];

function postgresPart(server: PostgresServer | null): RunFile['postgres'] {
  return {
    app_url: server?.appUrl ?? process.env['DATABASE_URL'] ?? '',
    owner_url: server?.ownerUrl ?? process.env['DATABASE_OWNER_URL'] ?? null,
    sequencer_url: server?.sequencerUrl ?? process.env['DATABASE_SEQUENCER_URL'] ?? null,
    pid: server?.pid ?? null,
  };
}

function temporalPart({ address, namespace, uiUrl, pid }: TemporalServer): RunFile['temporal'] {
  return { address, namespace, ui_url: uiUrl, pid };
}

function mailboxPart({ url, announced, pid }: ToolServer): RunFile['mailbox'] {
  return { url, smtp_url: String(announced['smtp_url']), pid };
}

async function startDatabase(
  context: SystemContext,
  keep: KeepRunning,
): Promise<RunFile['postgres']> {
  const { root, stateDir, keeper, log, terminal } = context;
  let part = postgresPart(null);
  if (!isConfigured('DATABASE_URL')) {
    const database = await terminal.step(
      'PostgreSQL',
      () =>
        keep(
          'postgres',
          () => startPostgres({ stateDir, keeper, log }),
          (server) => ({ postgres: postgresPart(server) }),
        ),
      (started) => `${started.current().version} on 127.0.0.1:${String(started.current().port)}`,
    );
    part = postgresPart(database.current());
  }
  const { owner_url } = part;
  if (owner_url !== null)
    await terminal.step(
      'migrations',
      () => migrate(root, owner_url),
      (text) => text,
    );
  return part;
}

async function startWorkflowServer(
  context: SystemContext,
  keep: KeepRunning,
): Promise<RunFile['temporal']> {
  const { stateDir, keeper, log, terminal } = context;
  const server = await terminal.step(
    'Temporal',
    (progress) =>
      keep(
        'temporal',
        () => startTemporal({ stateDir, keeper, log, ui: true, progress }),
        (next) => ({ temporal: temporalPart(next) }),
      ),
    (started) => `${started.current().version ?? 'external'} on ${started.current().address}`,
  );
  return temporalPart(server.current());
}

async function startMail(context: SystemContext, keep: KeepRunning): Promise<RunFile['mailbox']> {
  if (isConfigured('SMTP_URL')) {
    return { url: null, smtp_url: process.env['SMTP_URL'] ?? null, pid: null };
  }
  const server = await context.terminal.step(
    'mailbox',
    () =>
      keep(
        'mailbox',
        () => startMailboxProcess(context),
        (next) => ({ mailbox: mailboxPart(next) }),
      ),
    (started) => started.current().url,
  );
  return mailboxPart(server.current());
}

async function startBackend(
  context: SystemContext,
  keep: KeepRunning,
  key: string,
): Promise<RunFile['backend']> {
  const server = await context.terminal.step(
    'sample backend',
    () =>
      keep(
        'backend',
        () => startBackendProcess(context, key),
        ({ url, pid }) => ({ backend: { url, pid } }),
      ),
    (started) => started.current().url,
  );
  const { url, pid } = server.current();
  return { url, pid };
}

async function startStore(
  context: SystemContext,
  secrets: DevSecrets,
): Promise<RunFile['objects']> {
  if (isConfigured('AUDIT_COLD_BUCKET')) {
    return { url: process.env['AUDIT_COLD_ENDPOINT'] ?? null };
  }
  const url = await context.terminal.step(
    'object store',
    () => startObjects(context, objectStoreKeys(secrets)),
    (started) => started,
  );
  return { url };
}

/** Starts the servers that are not configured otherwise, all at once, and migrates the database. */
export async function startServers(
  context: SystemContext,
  keep: KeepRunning,
  secrets: DevSecrets,
): Promise<ServerParts> {
  const starts = [
    startDatabase(context, keep),
    startWorkflowServer(context, keep),
    startMail(context, keep),
    startBackend(context, keep, sampleBackendKey(secrets)),
    startStore(context, secrets),
  ] as const;
  // A failure is reported once the others have come to rest, so that nothing is printed after it.
  await Promise.allSettled(starts);
  const [postgres, temporal, mailbox, backend, objects] = await Promise.all(starts);
  return { postgres, temporal, mailbox, backend, objects };
}
