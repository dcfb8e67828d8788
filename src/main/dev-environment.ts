import { variables, type ProcessName, type Variable } from '../platform/config';
import { readRunFile, stateDirOf, type RunFile } from '../servers/run-file';
import { openSecrets, randomSecret, type DevSecrets } from '../servers/secrets';
import type { ProgramAddresses } from './dev-addresses';

/** Environment of a process. */
export type Environment = Record<string, string>;

/** The parts of run.json that programs are configured with. */
export type ServerParts = Pick<
  RunFile,
  'mailbox' | 'temporal' | 'postgres' | 'backend' | 'objects'
>;

/** Whether the environment names a variable itself or by a file. */
export function isConfigured(name: string): boolean {
  return Boolean(process.env[name] ?? process.env[`${name}_FILE`]);
}

/**
 * The secrets of the embedded database's system, made at the first call; none for a database that
 * was configured.
 */
function devSecrets(secrets: DevSecrets): Environment {
  return {
    KEYS_HASH_PEPPER: secrets.get('KEYS_HASH_PEPPER', () => randomSecret(32, 'base64')),
    SECRETS_KEY_RING: secrets.get('SECRETS_KEY_RING', () => `dev1:${randomSecret(32, 'base64')}`),
    COOKIE_SECRET: secrets.get('COOKIE_SECRET', () => randomSecret(32, 'base64')),
    AUDIT_CHECKPOINT_KEYS: secrets.get(
      'AUDIT_CHECKPOINT_KEYS',
      () => `dev1:${randomSecret(32, 'base64')}`,
    ),
    AUDIT_SIGNING_KEY: secrets.get('AUDIT_SIGNING_KEY', () => `dev1:${randomSecret(32, 'base64')}`),
    SAMPLE_BACKEND_KEY: secrets.get('SAMPLE_BACKEND_KEY'),
  };
}

/** Key of the sample backend: the configured one, else the generated one. */
export function sampleBackendKey(secrets: DevSecrets): string {
  return process.env['SAMPLE_BACKEND_KEY'] ?? secrets.get('SAMPLE_BACKEND_KEY');
}

/** The bucket of the embedded object store. */
export const objectStoreBucket = 'usher-audit';

/** Keys of the embedded object store, generated once. */
export function objectStoreKeys(secrets: DevSecrets): { accessKey: string; secretKey: string } {
  return {
    accessKey: secrets.get('OBJECT_STORE_ACCESS_KEY'),
    secretKey: secrets.get('OBJECT_STORE_SECRET_KEY'),
  };
}

// All of them or none: half a configuration of somebody else's store must not be filled up with ours.
function storeEnvironment({ url }: RunFile['objects'], secrets: DevSecrets): Environment {
  if (url === null || isConfigured('AUDIT_COLD_BUCKET')) return {};
  const { accessKey, secretKey } = objectStoreKeys(secrets);
  return {
    AUDIT_COLD_ENDPOINT: url,
    AUDIT_COLD_BUCKET: objectStoreBucket,
    AUDIT_COLD_ACCESS_KEY: accessKey,
    AUDIT_COLD_SECRET_KEY: secretKey,
  };
}

/** What the system's programs are told; the caller's own environment wins. */
export function systemEnvironment(
  servers: ServerParts,
  secrets: DevSecrets,
  addresses?: ProgramAddresses,
): Environment {
  const { postgres, temporal, mailbox, backend, objects } = servers;
  const generated: Environment = {
    ...(addresses
      ? { ADDR: addresses.api, WORKER_ADDR: addresses.worker, PUBLIC_URL: addresses.publicUrl }
      : {}),
    DATABASE_URL: postgres.app_url,
    ...(postgres.owner_url === null ? {} : { DATABASE_OWNER_URL: postgres.owner_url }),
    ...(postgres.sequencer_url === null ? {} : { DATABASE_SEQUENCER_URL: postgres.sequencer_url }),
    TEMPORAL_ADDRESS: temporal.address,
    TEMPORAL_NAMESPACE: temporal.namespace,
    // Nobody else reads the mailbox: what operators and inviters without an address are told is seen there.
    ...(mailbox.pid === null || mailbox.smtp_url === null
      ? {}
      : { SMTP_URL: mailbox.smtp_url, OPERATORS_MAIL: 'operators@usher.localhost' }),
    SAMPLE_BACKEND_URL: backend.url,
    SAMPLE_BACKEND_KEY: sampleBackendKey(secrets),
    ...storeEnvironment(objects, secrets),
    OUTBOUND_ALLOW_CIDRS: '127.0.0.0/8,::1/128',
    ...(postgres.pid === null ? {} : devSecrets(secrets)),
  };
  const own = Object.entries(process.env).flatMap(([name, value]) =>
    value === undefined || value === '' ? [] : [[name, value] as const],
  );
  const free = Object.entries(generated).filter(([name]) => !isConfigured(name));
  return Object.fromEntries([...own, ...free]);
}

/**
 * Keeps an api or worker small, as the Dockerfile does: short-lived objects are collected sooner, and glibc keeps two
 * pools of memory instead of eight a core. Why: docs/decisions/0024-small-young-heaps.md
 */
export const leanMemory: Environment = {
  MALLOC_ARENA_MAX: '2',
  NODE_OPTIONS: '--max-semi-space-size=4',
};

/**
 * The environment without what that process must not have: only `migrate` may know the owner of the
 * schema.
 */
export function environmentFor(name: ProcessName, environment: Environment): Environment {
  const forbidden = Object.entries<Variable>(variables)
    .filter(([, variable]) => variable.only !== undefined && !variable.only.includes(name))
    .flatMap(([variable]) => [variable, `${variable}_FILE`]);
  return Object.fromEntries(
    Object.entries(environment).filter(([key]) => !forbidden.includes(key)),
  );
}

/**
 * The configuration of the system that runs in a clone's state folder, for `bin/usher`; null when
 * none runs.
 */
export function environmentOfRunningSystem(root: string): Environment | null {
  const stateDir = stateDirOf(root);
  const run = readRunFile(stateDir)?.run;
  if (!run) return null;
  const environment = systemEnvironment(run, openSecrets(stateDir));
  return environmentFor('cli', { PUBLIC_URL: run.api.url, ...environment });
}
