import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { messageOf, toPointer } from '../errors/http';
import { archiveMistakes, archiveShape, archiveVariables } from './config-archive';
import {
  address,
  durations,
  keyList,
  list,
  mostLeaseMs,
  oidcIssuers,
  onOff,
  optionalSecret,
  proxies,
  ranges,
  rate,
  secret,
  secretOf,
  whole,
  yesNo,
} from './config-values';
import { keyFormats } from './crypto/key-formats';

/** One variable of the environment, as `.env.example` describes it. */
export interface Variable {
  readonly description: string;
  readonly default?: string;
  readonly secret?: true;
  /** Only the named processes may have it. */
  readonly only?: readonly ProcessName[];
}

/** The processes of Usher. */
export type ProcessName = 'api' | 'worker' | 'migrate' | 'cli';

/** Every variable that Usher reads; a test keeps `.env.example` complete with it. */
export const variables = {
  APP_ENV: { description: 'dev, stage or prod', default: 'dev' },
  LOG_LEVEL: { description: 'trace, debug, info, warn, error or silent', default: 'info' },
  ADDR: { description: 'Address of the API, `[host]:port`', default: ':8090' },
  WORKER_ADDR: { description: "Address of the worker's probes and metrics", default: ':8091' },
  PUBLIC_URL: {
    description: 'Where people reach the API; links in mails begin with it',
    default: 'http://localhost:8090',
  },
  TRUSTED_PROXIES: {
    description: 'Exact addresses or CIDRs of the proxies in front, by comma',
    default: '',
  },
  DATABASE_URL: {
    description: 'Postgres as usher_app',
    secret: true,
    only: ['api', 'worker', 'cli'],
  },
  DATABASE_OWNER_URL: {
    description: 'Postgres as usher_owner; only for migrate',
    secret: true,
    only: ['migrate', 'cli'],
  },
  DATABASE_SEQUENCER_URL: {
    description: 'Postgres as usher_sequencer; only for the worker',
    secret: true,
    only: ['worker', 'cli'],
  },
  DATABASE_POOL: { description: 'Connections of one process', default: '20' },
  TEMPORAL_ADDRESS: {
    description: 'host:port of the Temporal frontend',
    default: 'localhost:7233',
  },
  TEMPORAL_NAMESPACE: { description: 'Temporal namespace', default: 'default' },
  TEMPORAL_TLS: { description: 'on to use TLS to Temporal', default: 'off' },
  TEMPORAL_API_KEY: { description: 'API key of Temporal Cloud', secret: true, default: '' },
  TEMPORAL_TLS_CERT_FILE: {
    description: 'Client certificate (PEM) for mTLS to Temporal',
    default: '',
  },
  TEMPORAL_TLS_KEY_FILE: { description: 'Key of that certificate (PEM)', default: '' },
  TEMPORAL_CODEC: {
    description: 'on to encrypt payloads in Temporal with the key ring',
    default: 'off',
  },
  TASK_QUEUE: {
    description: 'Task queue of workflows; connectors use <queue>-<connector>',
    default: 'usher',
  },
  WORKER_ACTIVITY_SLOTS: {
    description: 'Activities a worker runs at a time, per queue',
    default: '20',
  },
  SMTP_URL: {
    description: 'Mail server, smtp:// or smtps://',
    secret: true,
    default: 'smtp://localhost:1025',
  },
  MAIL_FROM: { description: 'Sender of all mails', default: 'Usher <no-reply@usher.localhost>' },
  OPERATORS_MAIL: {
    description:
      'Addresses told of parked onboardings, catalogue and trial requests and blocked purges, and of what nobody else can be told: answers to invites of machines, keys of tenants without people; by comma; customers see the first',
    default: '',
  },
  TERMS_URL: { description: 'Terms that customers accept', default: 'https://example.com/terms' },
  TERMS_VERSION: { description: 'Version of the terms, stored at accept', default: '1' },
  TENANTS_REQUIRE_PARTNER: {
    description: 'true to refuse tenants without a partner',
    default: 'false',
  },
  CATALOG_FILE: {
    description: 'File of products that the catalogue begins with; those that are there stay',
    default: 'catalog/products.json',
  },
  TENANT_EXPORT_DIR: {
    description:
      'Directory of the exports that precede a purge, backed up (dev: .usher/exports); without one nothing is purged',
    default: '',
  },
  CONNECTORS_DIR: {
    description: 'Folder of connector files and blueprints.json',
    default: 'connectors',
  },
  OUTBOUND_ALLOW_CIDRS: {
    description: 'Private ranges that connectors may call, by comma (dev: loopback)',
    default: '',
  },
  KEYS_HASH_PEPPER: {
    description: 'At least 32 bytes, base64; prefix `id:` names it, more by comma for look-up only',
    secret: true,
  },
  USHER_KEY_PREFIX: { description: 'Prefix of issued keys', default: 'ush' },
  VERIFY_ADDR: {
    description:
      'Where keys are verified outside dev while VERIFY_ALLOW_CIDRS is empty; whoever reaches it may ask',
    default: '127.0.0.1:8092',
  },
  VERIFY_ALLOW_CIDRS: {
    description:
      'Peers that may verify keys on ADDR, by comma (dev: loopback); never an address through which strangers come, such as your reverse proxy',
    default: '',
  },
  KEYS_FORMAT: {
    description: 'Form of issued API keys, usher, trk or bp; all of them are accepted',
    default: 'usher',
  },
  KEYS_CACHE: {
    description:
      'off to ask Postgres with every verification, or lease to go without for KEYS_LEASE_MS; see docs/VERIFICATION.md',
    default: 'off',
  },
  KEYS_CACHE_ENTRIES: {
    description: 'Good keys that a process remembers; 0 to read every key each time',
    default: '20000',
  },
  KEYS_LEASE_MS: {
    description:
      'Longest time that a remembered key outlives its end, at most 10000; never above what bin/usher lease show says',
    default: '500',
  },
  SECRETS_KEY_RING: {
    description: '`kid:base64` of 32 bytes each, by comma; the first is active',
    secret: true,
  },
  COOKIE_SECRET: {
    description: 'At least 32 bytes, base64; signs forms, cursors and cookies',
    secret: true,
  },
  AUDIT_CHECKPOINT_KEYS: {
    description: '`id:base64` of 32 bytes each, by comma: ed25519 seeds; the first signs the log',
    secret: true,
    only: ['worker', 'cli'],
  },
  AUDIT_SIGNING_KEY: {
    description: '`label:base64` of at least 32 bytes: the HMAC line of checkpoints',
    secret: true,
    only: ['worker', 'cli'],
  },
  AUDIT_TRUSTED_KEY: {
    description: "The log's verifier key that `audit verify` trusts; without it the stored one",
    default: '',
  },
  PASSWORD_MIN_LENGTH: { description: 'Shortest password', default: '15' },
  OIDC_ISSUERS: { description: 'JSON list of identity providers', secret: true, default: '[]' },
  SESSION_IDLE_MINUTES: { description: 'Idle time after which a session ends', default: '30' },
  SESSION_HOURS: { description: 'Longest life of a session', default: '12' },
  RATE_INVITE_CREATE: { description: 'Invites per actor, points/seconds or off', default: '10/60' },
  RATE_ACCEPT: { description: 'Failed accepts per address and per e-mail', default: '5/60' },
  RATE_LOGIN: { description: 'Failed logins per address and account', default: '5/60' },
  RATE_RESEND_SECONDS: { description: 'Seconds between two resends of an invite', default: '60' },
  RATE_RESEND_MAX: { description: 'Resends of one invite in all', default: '5' },
  RATE_API: { description: 'Requests per caller', default: 'off' },
  INVITE_REMINDER_HOURS: {
    description: 'Hours before expiry at which an invite is reminded once',
    default: '48',
  },
  CUSTOMER_REMINDER_HOURS: {
    description: 'Hours of waiting for the customer after which they are reminded',
    default: '24,72,168',
  },
  SELF_SERVE_INVITES: { description: 'on to let visitors invite themselves', default: 'off' },
  CAPTCHA_VERIFY_URL: {
    description: 'Siteverify-compatible endpoint for self-serve invites',
    default: '',
  },
  CAPTCHA_SECRET: { description: 'Secret of that endpoint', secret: true, default: '' },
  RETRY_SECONDS: {
    description: 'Seconds before each retry of a failed step; after the last one it parks',
    default: '2,5,10,20,40',
  },
  RECONCILE_SECONDS: { description: 'Seconds between two runs of the reconciler', default: '300' },
  DRIVE_WITHIN_HOURS: {
    description: 'Hours without a driver after which a process is woken again',
    default: '25',
  },
  ...archiveVariables,
  SAMPLE_BACKEND_URL: {
    description: 'Base URL of the sample backend; bin/dev and bin/demo start one',
    default: '',
  },
  SAMPLE_BACKEND_KEY: { description: 'Key of the sample backend', secret: true, default: '' },
  BACKEND_COMPAT_AUTH: {
    description: 'How the spreadsheet backend takes its key, api-key or bearer',
    default: 'api-key',
  },
  BACKEND_COMPAT_URL: { description: 'Base URL of the spreadsheet backend', default: '' },
  BACKEND_COMPAT_KEY: { description: 'Key of the spreadsheet backend', secret: true, default: '' },
} as const satisfies Record<string, Variable>;

/** The name of a variable. */
export type VariableName = keyof typeof variables;

const shape = {
  APP_ENV: z.enum(['dev', 'stage', 'prod']),
  LOG_LEVEL: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'silent']),
  ADDR: address,
  WORKER_ADDR: address,
  PUBLIC_URL: z.url({ protocol: /^https?$/ }).transform((url) => url.replace(/\/+$/, '')),
  TRUSTED_PROXIES: proxies,
  DATABASE_URL: secret,
  DATABASE_OWNER_URL: secret,
  DATABASE_SEQUENCER_URL: secret,
  DATABASE_POOL: whole(1, 200),
  TEMPORAL_ADDRESS: z.string().regex(/^.+:\d+$/, 'must be `host:port`'),
  TEMPORAL_NAMESPACE: z.string().min(1),
  TEMPORAL_TLS: onOff,
  TEMPORAL_API_KEY: optionalSecret,
  TEMPORAL_TLS_CERT_FILE: z.string(),
  TEMPORAL_TLS_KEY_FILE: z.string(),
  TEMPORAL_CODEC: onOff,
  TASK_QUEUE: z.string().regex(/^[\w.-]+$/),
  WORKER_ACTIVITY_SLOTS: whole(1, 1000),
  SMTP_URL: z.url({ protocol: /^smtps?$/ }).transform(secretOf),
  MAIL_FROM: z.string().min(3),
  OPERATORS_MAIL: list,
  TERMS_URL: z.url({ protocol: /^https?$/ }),
  TERMS_VERSION: z.string().min(1),
  TENANTS_REQUIRE_PARTNER: yesNo,
  CATALOG_FILE: z.string(),
  TENANT_EXPORT_DIR: z.string(),
  CONNECTORS_DIR: z.string().min(1),
  OUTBOUND_ALLOW_CIDRS: list,
  KEYS_HASH_PEPPER: keyList(32, false),
  USHER_KEY_PREFIX: z
    .string()
    .regex(/^[a-z][a-z0-9]{1,9}$/, 'must be 2 to 10 lower-case letters or digits'),
  VERIFY_ADDR: address,
  VERIFY_ALLOW_CIDRS: ranges,
  KEYS_FORMAT: z.enum(keyFormats),
  KEYS_CACHE: z.enum(['off', 'lease']),
  KEYS_CACHE_ENTRIES: whole(0, 1_000_000),
  KEYS_LEASE_MS: whole(50, mostLeaseMs),
  SECRETS_KEY_RING: keyList(32, true),
  COOKIE_SECRET: keyList(32, false),
  AUDIT_CHECKPOINT_KEYS: keyList(32, true),
  AUDIT_SIGNING_KEY: keyList(32, false),
  AUDIT_TRUSTED_KEY: z.string(),
  PASSWORD_MIN_LENGTH: whole(8, 128),
  OIDC_ISSUERS: oidcIssuers,
  SESSION_IDLE_MINUTES: whole(1, 1440),
  SESSION_HOURS: whole(1, 168),
  RATE_INVITE_CREATE: rate,
  RATE_ACCEPT: rate,
  RATE_LOGIN: rate,
  RATE_RESEND_SECONDS: whole(0, 86_400),
  RATE_RESEND_MAX: whole(0, 1000),
  RATE_API: rate,
  INVITE_REMINDER_HOURS: z.coerce.number().positive().max(720),
  CUSTOMER_REMINDER_HOURS: durations('hours', '24,72,168'),
  SELF_SERVE_INVITES: onOff,
  CAPTCHA_VERIFY_URL: z.union([z.literal(''), z.url()]),
  CAPTCHA_SECRET: optionalSecret,
  RETRY_SECONDS: durations('seconds', '2,5,10,20,40'),
  RECONCILE_SECONDS: z.coerce.number().min(0.1).max(86_400),
  DRIVE_WITHIN_HOURS: z.coerce.number().positive().max(720),
  ...archiveShape,
  SAMPLE_BACKEND_URL: z.string(),
  SAMPLE_BACKEND_KEY: optionalSecret,
  BACKEND_COMPAT_AUTH: z.enum(['api-key', 'bearer']),
  BACKEND_COMPAT_URL: z.string(),
  BACKEND_COMPAT_KEY: optionalSecret,
} satisfies Record<VariableName, z.ZodType>;

/** The parsed configuration of one process; absent are the variables that it may not have. */
export type Config = { [Name in VariableName]: z.output<(typeof shape)[Name]> };

/** All mistakes of a configuration at once; one line each. */
export class ConfigError extends Error {
  readonly mistakes: readonly string[];

  constructor(mistakes: readonly string[]) {
    super(
      `The configuration has ${String(mistakes.length)} mistake(s):\n${mistakes.map((line) => `  - ${line}`).join('\n')}`,
    );
    this.name = 'ConfigError';
    this.mistakes = mistakes;
  }
}

/**
 * Parses the environment of a process. Pure apart from reading `<NAME>_FILE` (a secret from a file).
 * @throws ConfigError naming every bad, missing or forbidden variable.
 */
export function loadConfig(env: NodeJS.ProcessEnv, process: ProcessName): Config {
  const mistakes: string[] = [];
  const values: Record<string, unknown> = {};
  for (const [name, variable] of Object.entries<Variable>(variables)) {
    const allowed = variable.only?.includes(process) ?? true;
    const given = readVariable(env, name, mistakes);
    if (!allowed) {
      if (given !== undefined && process !== 'migrate') {
        mistakes.push(`${name} must not be given to the ${process} process: remove it there`);
      }
      continue;
    }
    const text = given ?? variable.default;
    const parser = shape[name as VariableName];
    if (text === undefined) {
      if (!parser.safeParse(undefined).success && isNeeded(name, process)) {
        mistakes.push(`${name} is missing: ${variable.description}`);
      }
      continue;
    }
    const parsed = parser.safeParse(text);
    if (parsed.success) values[name] = parsed.data;
    else
      mistakes.push(
        `${name} ${parsed.error.issues.map(mistakeOf).join('; ')} (${variable.description})`,
      );
  }
  mistakes.push(...archiveMistakes(values));
  if (mistakes.length > 0) throw new ConfigError(mistakes);
  return values as Config;
}

/** What a command asks for only when it uses it. */
const rare: ReadonlySet<string> = new Set<VariableName>([
  'DATABASE_OWNER_URL',
  'DATABASE_SEQUENCER_URL',
  'AUDIT_CHECKPOINT_KEYS',
  'AUDIT_SIGNING_KEY',
]);
function mistakeOf(issue: z.core.$ZodIssue): string {
  return `${toPointer(issue.path)} ${messageOf(issue)}`.trim();
}

// migrate needs its one URL and nothing else, so that its secrets stay few.
function isNeeded(name: string, process: ProcessName): boolean {
  if (process === 'migrate') return name === 'DATABASE_OWNER_URL';
  return !(process === 'cli' && rare.has(name));
}

function readVariable(
  env: NodeJS.ProcessEnv,
  name: string,
  mistakes: string[],
): string | undefined {
  const file = env[`${name}_FILE`];
  if (file === undefined) return env[name] === '' ? undefined : env[name];
  try {
    return readFileSync(file, 'utf8').trim();
  } catch {
    mistakes.push(`${name}_FILE names a file that cannot be read`);
    return undefined;
  }
}
