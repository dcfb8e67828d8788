import { isUuid } from '../../platform/ids';
import { openApi, throughApi } from './api-client';
import type { ApiClient } from './api-client';
import { CommandFailure, UsageError } from './command';
import type { CliIo, Command, Input, Option } from './command';
import { ago, fields, table } from './table';

interface KeyAnswer {
  readonly id: string;
  readonly name: string;
  readonly prefix: string;
  readonly environment: string;
  readonly status: string;
  readonly scopes: readonly string[];
  readonly last_used_at: string | null;
  readonly expires_at: string | null;
  readonly ends_at: string | null;
  readonly rotation: { readonly id: string; readonly state: string } | null;
}

const json: Option = { about: 'Print JSON' };
const tenant: Option = { value: 'TENANT', about: 'Id or slug of the tenant', required: true };
const keyArgument = [{ name: 'KEY', about: 'Id of the key', required: true }] as const;
const scope: Option = { value: 'SCOPE', about: 'A scope that the key has', many: true };
const cidr: Option = {
  value: 'RANGE',
  about: 'Address or range that it may be used from; default: any',
  many: true,
};

/** Issues a key. */
export const createKey: Command = {
  name: 'key create',
  summary: 'Issue an API key to a tenant; it is shown this once',
  options: {
    tenant,
    name: { value: 'NAME', about: 'What it is for', required: true },
    scope,
    environment: { value: 'live|test', about: 'What it may be used on; default: live' },
    product: { value: 'PRODUCT', about: 'The only product that it is good for' },
    role: { value: 'ROLE', about: 'Role of the key in its tenant' },
    'expires-at': { value: 'TIME', about: 'RFC 3339; default: never' },
    cidr,
    json,
  },
  notes: [throughApi],
  examples: ['--tenant acme --name shop --scope whoami --scope products:read'],
  async run(input, io) {
    const api = openApi(io);
    const key = await api.post('/v1/api-keys', {
      tenant_id: await tenantId(api, input.given('tenant')),
      name: input.given('name'),
      scopes: input.list('scope'),
      allowed_cidrs: input.list('cidr'),
      ...optional(input, { environment: 'environment', product: 'product', role: 'role' }),
      ...optional(input, { 'expires-at': 'expires_at' }),
    });
    showPlaintext(io, input, key, 'Issued');
    return 0;
  },
};

/** Asks whether a key is good. */
export const verifyKey: Command = {
  name: 'key verify',
  summary: 'Ask whether an API key is good; the key is read from standard input',
  options: {
    scope,
    environment: { value: 'live|test', about: 'What it has to be for' },
    product: { value: 'PRODUCT', about: 'What it has to be good for' },
    ip: { value: 'ADDRESS', about: 'Where it is used from' },
    json,
  },
  notes: [
    'A key on the command line would be seen by everybody on the machine.',
    'Needs a service account that holds keys:verify, where VERIFY_ALLOW_CIDRS of the API does not name this machine. Ends with 1 for a key that is not good.',
    throughApi,
  ],
  async run(input, io) {
    const key = await pasted(io, 'key');
    const scopes = input.list('scope');
    const answer = await openApi(io).post('/v1/internal/api-keys/verify', {
      key,
      cost: 0,
      ...(scopes.length > 0 ? { scopes } : {}),
      ...optional(input, { environment: 'environment', product: 'product', ip: 'ip' }),
    });
    if (input.has('json')) io.out(JSON.stringify(answer));
    else {
      const shown = ['code', 'key_id', 'tenant_slug', 'environment', 'expires_at'].flatMap(
        (name) => (typeof answer[name] === 'string' ? [[name, answer[name]] as const] : []),
      );
      io.out(fields(shown));
    }
    return answer['valid'] === true ? 0 : 1;
  },
};

/** Lists the keys of a tenant. */
export const listKeys: Command = {
  name: 'key list',
  summary: 'List the API keys of a tenant',
  options: {
    tenant,
    status: { value: 'STATUS', about: 'Only active, blocked, revoked, expired or rotated ones' },
    json,
  },
  notes: [throughApi],
  async run(input, io) {
    const api = openApi(io);
    const keys = await everyKey(api, await tenantId(api, input.given('tenant')), input);
    if (input.has('json')) io.out(JSON.stringify(keys));
    else if (keys.length === 0) io.out('There is none. Issue one: usher key create');
    else {
      const now = new Date();
      const rows = keys.map((key) => [
        key.id,
        key.name,
        `${key.prefix}…`,
        key.rotation ? `${key.status}, ${key.rotation.state}` : key.status,
        key.last_used_at ? `${ago(new Date(key.last_used_at), now)} ago` : 'never',
        key.expires_at ?? key.ends_at,
        key.scopes.join(' '),
      ]);
      io.out(table(['ID', 'NAME', 'KEY', 'STATE', 'USED', 'ENDS', 'SCOPES'], rows));
    }
    return 0;
  },
};

/** Rotates a key. */
export const rotateKeyCommand: Command = {
  name: 'key rotate',
  summary:
    'Issue the successor of an API key, shown this once; the old one goes on for the overlap',
  args: keyArgument,
  options: {
    'overlap-hours': { value: 'HOURS', about: 'Both are good from the first use; default: 24' },
    compromised: { about: 'The old key ends at once and never comes back' },
    extend: { about: 'Give the old key more time while it is still in use' },
    json,
  },
  notes: [throughApi],
  async run(input, io) {
    const overlap = input.text('overlap-hours');
    if (overlap !== undefined && !(Number(overlap) >= 0))
      throw new UsageError('--overlap-hours must be a number of hours');
    const key = await openApi(io).post(`/v1/api-keys/${keyId(input)}/rotate`, {
      ...(overlap === undefined ? {} : { overlap_hours: Number(overlap) }),
      ...(input.has('compromised') ? { reason: 'compromised' } : {}),
      ...(input.has('extend') ? { at_deadline: 'extend' } : {}),
    });
    showPlaintext(io, input, key, 'Rotated; the successor is');
    return 0;
  },
};

const deed = (name: 'revoke' | 'block' | 'unblock', summary: string, done: string): Command => ({
  name: `key ${name}`,
  summary,
  args: keyArgument,
  options: { reason: { value: 'TEXT', about: 'Kept with the key' }, json },
  notes: [throughApi],
  async run(input, io) {
    const key = await openApi(io).post(
      `/v1/api-keys/${keyId(input)}/${name}`,
      optional(input, { reason: 'reason' }),
    );
    io.out(
      input.has('json')
        ? JSON.stringify(key)
        : `${done} ${String(key['name'])} (${String(key['prefix'])}…).`,
    );
    return 0;
  },
});

/** Takes a key of another system over. */
export const importKeyCommand: Command = {
  name: 'key import',
  summary: 'Take over a key of another system by its hash, read from standard input',
  options: {
    tenant,
    name: { value: 'NAME', about: 'What it is for', required: true },
    prefix: {
      value: 'PREFIX',
      about: 'Tag and first 8 characters, such as bp_AbCdEfGh',
      required: true,
    },
    scope,
    product: { value: 'PRODUCT', about: 'The only product that it is good for' },
    cidr,
    json,
  },
  notes: [
    'The hash is 64 hexadecimal digits of SHA-256, or argon2id|salt|hash in base64.',
    throughApi,
  ],
  async run(input, io) {
    const hash = await pasted(io, 'hash');
    const api = openApi(io);
    const key = await api.post('/v1/api-keys/import', {
      tenant_id: await tenantId(api, input.given('tenant')),
      name: input.given('name'),
      prefix: input.given('prefix'),
      hash,
      scopes: input.list('scope'),
      allowed_cidrs: input.list('cidr'),
      ...optional(input, { product: 'product' }),
    });
    io.out(
      input.has('json')
        ? JSON.stringify(key)
        : `Imported ${String(key['name'])} (${String(key['prefix'])}…) as ${String(key['id'])}.`,
    );
    return 0;
  },
};

/** Everything about API keys. */
export const keyCommands: readonly Command[] = [
  createKey,
  verifyKey,
  listKeys,
  rotateKeyCommand,
  deed('revoke', 'Revoke an API key for good; dead everywhere once answered', 'Revoked'),
  deed('block', 'Refuse an API key until it is unblocked', 'Blocked'),
  deed('unblock', 'Let a blocked API key pass again', 'Unblocked'),
  importKeyCommand,
];

async function pasted(io: CliIo, what: 'key' | 'hash'): Promise<string> {
  if (io.interactive) io.err(`Paste the ${what} and end with Ctrl-D on an empty line.`);
  const text = (await io.readStdin()).trim();
  if (text === '') throw new UsageError(`there is no ${what} on standard input`);
  return text;
}

function keyId(input: Input): string {
  const [id = ''] = input.args;
  if (!isUuid(id)) throw new UsageError(`${id} is no id; \`usher key list\` shows them`);
  return id.toLowerCase();
}

async function tenantId(api: ApiClient, idOrSlug: string): Promise<string> {
  if (isUuid(idOrSlug)) return idOrSlug.toLowerCase();
  const found = await api.get(`/v1/tenants/by-slug/${encodeURIComponent(idOrSlug)}`);
  if (typeof found['id'] === 'string') return found['id'];
  throw new CommandFailure(`There is no tenant ${idOrSlug}.`);
}

async function everyKey(api: ApiClient, id: string, input: Input): Promise<KeyAnswer[]> {
  const status = input.text('status');
  const filter = `tenant_id=${id}&limit=100${status === undefined ? '' : `&status=${encodeURIComponent(status)}`}`;
  const keys: KeyAnswer[] = [];
  let cursor: string | null = '';
  while (cursor !== null) {
    const after: string = cursor === '' ? '' : `&cursor=${encodeURIComponent(cursor)}`;
    const page = await api.get(`/v1/api-keys?${filter}${after}`);
    keys.push(...(page['items'] as KeyAnswer[]));
    cursor = page['next_cursor'] as string | null;
  }
  return keys;
}

/** Members of a body from options that were given. */
function optional(
  input: Input,
  names: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(names).flatMap(([option, member]) => {
      const value = input.text(option);
      return value === undefined ? [] : [[member, value]];
    }),
  );
}

function showPlaintext(
  io: CliIo,
  input: Input,
  key: Readonly<Record<string, unknown>>,
  done: string,
): void {
  if (input.has('json')) {
    io.out(JSON.stringify(key));
    return;
  }
  io.out(`${done} ${String(key['name'])} (${String(key['id'])}).`);
  io.out(`Key, shown this once: ${String(key['plaintext'])}`);
}
