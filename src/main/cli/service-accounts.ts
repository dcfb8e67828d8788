import {
  createServiceAccount,
  listServiceAccounts,
  revokeServiceAccount,
  rotateServiceAccount,
  shorthand,
} from '../../domain/identity/service-accounts';
import type { ServiceAccountWithKey, ServiceKeys } from '../../domain/identity/service-accounts';
import { isPlatformRole, permissions, roles } from '../../domain/identity/roles.rules';
import { createKeyHasher } from '../../platform/crypto/keys';
import { withSystem } from '../../platform/db';
import { isUuid } from '../../platform/ids';
import { UsageError } from './command';
import type { CliIo, Command, Input } from './command';
import { jsonLine } from './json';
import { everyPage } from './pages';
import { settings, withDatabase } from './settings';
import { nearest } from './suggest';
import { ago, table } from './table';

const source = { ip: null, userAgent: null };
const grantor = { actorId: 'system:cli', permissions: 'all' } as const;

function keysOf(io: CliIo): ServiceKeys {
  const { KEYS_HASH_PEPPER: peppers, USHER_KEY_PREFIX: prefix } = settings(io.env, [
    'KEYS_HASH_PEPPER',
    'USHER_KEY_PREFIX',
  ]);
  return { prefix, hasher: createKeyHasher(peppers, 'usher/service-account/v1') };
}

/** Creates a machine caller; its key is shown this once. */
export const createAccount: Command = {
  name: 'service-account create',
  summary: 'Create a machine caller of the API; its key is shown this once',
  options: {
    name: { value: 'NAME', about: 'What it is for', required: true },
    role: {
      value: 'ROLE',
      about: `Permissions of a role: ${Object.keys(roles.platform).join(', ')}`,
    },
    permission: {
      value: 'NOUN:VERB',
      about: 'A single permission, such as invites:create',
      many: true,
    },
    cidr: {
      value: 'RANGE',
      about: 'Address or range that it may call from; default: any',
      many: true,
    },
    json: { about: 'Print JSON' },
  },
  notes: [
    'A role gives no permission that people confirm by signing in again (such as users:grant); name those with --permission.',
  ],
  examples: [
    '--name crm --permission invites:create --permission invites:read',
    '--name ci --role operator --cidr 10.0.0.0/8',
  ],
  async run(input, io) {
    const name = nameOf(input);
    const wanted = { permissions: permissionsOf(input), cidrs: input.list('cidr') };
    const keys = keysOf(io);
    const created = await withDatabase(io, (db) =>
      withSystem(db, 'cli', (tx) =>
        createServiceAccount(
          tx,
          keys,
          grantor,
          {
            name,
            permissions: wanted.permissions,
            allowedCidrs: wanted.cidrs,
          },
          source,
        ),
      ),
    );
    showKey(io, created, input.has('json'));
    return 0;
  },
};

/** Lists machine callers. */
export const listAccounts: Command = {
  name: 'service-account list',
  summary: 'List machine callers',
  options: { json: { about: 'Print JSON' }, revoked: { about: 'Show revoked ones too' } },
  async run(input, io) {
    const accounts = await withDatabase(io, (db) =>
      everyPage((keyset) => withSystem(db, 'cli', (tx) => listServiceAccounts(tx, keyset))),
    );
    const shown = accounts.filter(({ revokedAt }) => input.has('revoked') || revokedAt === null);
    if (input.has('json')) io.out(jsonLine(shown));
    else if (shown.length === 0) io.out('There is none. Create one: usher service-account create');
    else {
      const now = new Date();
      const rows = shown.map((one) => [
        one.id,
        one.name,
        `${one.prefix}…`,
        one.revokedAt
          ? 'revoked'
          : `used ${one.lastUsedAt ? `${ago(one.lastUsedAt, now)} ago` : 'never'}`,
        one.allowedCidrs.join(' ') || 'any address',
        String(one.permissions.length),
      ]);
      io.out(table(['ID', 'NAME', 'KEY', 'STATE', 'FROM', 'PERMISSIONS'], rows));
    }
    return 0;
  },
};

/** Gives a machine caller a new key. */
export const rotateAccount: Command = {
  name: 'service-account rotate',
  summary: 'Give a machine caller a new key; the old one ends at once',
  args: [{ name: 'ID', about: 'Id of the service account', required: true }],
  options: { json: { about: 'Print JSON' } },
  async run(input, io) {
    const id = idOf(input);
    const keys = keysOf(io);
    const rotated = await withDatabase(io, (db) =>
      withSystem(db, 'cli', (tx) =>
        rotateServiceAccount(tx, keys, grantor, { id, version: undefined }, source),
      ),
    );
    showKey(io, rotated, input.has('json'));
    return 0;
  },
};

/** Revokes a machine caller. */
export const revokeAccount: Command = {
  name: 'service-account revoke',
  summary: 'Revoke a machine caller for good; its key ends at once',
  args: [{ name: 'ID', about: 'Id of the service account', required: true }],
  async run(input, io) {
    const id = idOf(input);
    await withDatabase(io, (db) =>
      withSystem(db, 'cli', (tx) =>
        revokeServiceAccount(tx, grantor.actorId, { id, version: undefined }, source),
      ),
    );
    io.out(`Revoked ${id}.`);
    return 0;
  },
};

function nameOf(input: Input): string {
  const name = input.given('name').trim();
  if (name.length < 1 || name.length > 100)
    throw new UsageError('--name must have 1 to 100 characters');
  return name;
}

function permissionsOf(input: Input): readonly string[] {
  const role = input.text('role');
  const named = input.list('permission');
  if (role === undefined && named.length === 0) {
    throw new UsageError('say what it may do: --role ROLE or --permission NOUN:VERB');
  }
  if (role !== undefined && !isPlatformRole(role)) {
    const guess = nearest(role, Object.keys(roles.platform));
    throw new UsageError(`${role} is no role${guess ? `; did you mean ${guess}?` : ''}`);
  }
  const known: readonly string[] = permissions;
  const wrong = named.find((permission) => !known.includes(permission));
  if (wrong !== undefined) {
    const guess = nearest(wrong, known);
    throw new UsageError(`${wrong} is no permission${guess ? `; did you mean ${guess}?` : ''}`);
  }
  return [...(role === undefined ? [] : shorthand(role)), ...named];
}

function idOf(input: Input): string {
  const [id = ''] = input.args;
  if (!isUuid(id)) {
    throw new UsageError(`${id} is no id; \`usher service-account list\` shows them`);
  }
  return id.toLowerCase();
}

function showKey(io: CliIo, account: ServiceAccountWithKey, json: boolean): void {
  if (json) {
    const { id, name, key, permissions: held, allowedCidrs } = account;
    io.out(JSON.stringify({ id, name, key, permissions: held, allowed_cidrs: allowedCidrs }));
    return;
  }
  io.out(`Service account ${account.name} (${account.id})`);
  io.out(`Key, shown this once: ${account.key}`);
  io.out('Send it as `X-Api-Key` or `Authorization: Bearer`.');
}
