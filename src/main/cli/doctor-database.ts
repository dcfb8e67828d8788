import { ConfigError } from '../../platform/config';
import { createKeyHasher } from '../../platform/crypto/keys';
import { createKeyRing } from '../../platform/crypto/sealing';
import { withSystem } from '../../platform/db';
import type { Database } from '../../platform/db';
import { openWakes } from '../../platform/outbox';
import { currentPepper } from '../../platform/peppers';
import { missingPeppers } from '../../domain/api-keys/peppers';
import { kidsInUse } from '../../domain/secrets/secrets';
import { migrationNames } from '../migration-files';
import { requireAppRole } from '../require-app-role';
import type { CliIo } from './command';
import { fine, wrong } from './findings';
import type { Examination, Finding } from './findings';
import { settings } from './settings';

/** Examinations of what stands in Postgres. */
export function databaseExaminations(db: Database, io: CliIo): readonly Examination[] {
  return [
    { name: 'database', run: () => server(db) },
    { name: 'database role', run: () => role(db) },
    { name: 'row-level security', run: () => rowLevelSecurity(db) },
    { name: 'migrations', run: () => migrations(db) },
    { name: 'owner', run: () => owner(db) },
    { name: 'key ring', run: () => keyRing(db, io) },
    { name: 'key peppers', run: () => peppers(db, io) },
    { name: 'outbox', run: () => outbox(db) },
    { name: 'parked', run: () => parked(db) },
  ];
}

async function server(db: Database): Promise<Finding> {
  const started = performance.now();
  const { rows } = await db.pool.query<{ version: string; user: string; standby: boolean }>(
    `select current_setting('server_version') as version, current_user as user,
       pg_is_in_recovery() as standby`,
  );
  const [row] = rows;
  const ms = Math.round(performance.now() - started);
  if (row?.standby) {
    return wrong('is a read-only standby', 'Point DATABASE_URL at the primary.');
  }
  return fine(`PostgreSQL ${row?.version ?? '?'} as ${row?.user ?? '?'}, ${String(ms)} ms`);
}

async function role(db: Database): Promise<Finding> {
  try {
    await requireAppRole(db);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return wrong(error.mistakes.join('; '), 'Put the URL of usher_app into DATABASE_URL.');
  }
  return fine('no superuser, no BYPASSRLS, owns nothing, is a member of nothing');
}

async function rowLevelSecurity(db: Database): Promise<Finding> {
  const { rows } = await db.pool.query<{ name: string; open: boolean }>(
    `select c.relname as name, not (c.relrowsecurity and c.relforcerowsecurity) as open
     from pg_class as c
     where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p')
       and not c.relispartition and (c.relname = 'tenants' or exists (
         select 1 from pg_attribute as a
         where a.attrelid = c.oid and a.attname = 'tenant_id' and not a.attisdropped))`,
  );
  // Events are read by services across tenants, under a permission of their own.
  const guarded = rows.filter(({ name }) => name !== 'events');
  const open = guarded.filter((table) => table.open).map(({ name }) => name);
  if (open.length > 0) {
    return wrong(
      `not forced on ${open.join(', ')}`,
      'Run `usher migrate status`; if all migrations are there, somebody changed the schema by hand.',
    );
  }
  const { rows: seen } = await db.pool.query<{ seen: number }>(
    'select count(*)::int as seen from tenants',
  );
  if ((seen[0]?.seen ?? 0) > 0) {
    return wrong('a query without a scope sees tenants', 'Use the role usher_app in DATABASE_URL.');
  }
  return fine(`forced on ${String(guarded.length)} tables; a query without a scope sees nothing`);
}

async function migrations(db: Database): Promise<Finding> {
  const { rows } = await db.pool.query<{ name: string }>('select name from migrations');
  const done = rows.map(({ name }) => name);
  const names = migrationNames();
  const missing = names.filter((name) => !done.includes(name));
  if (missing.length > 0) {
    return wrong(
      `${String(missing.length)} missing: ${missing.join(', ')}`,
      'Run `usher migrate up`.',
    );
  }
  const newer = done.filter((name) => !names.includes(name));
  if (newer.length > 0) {
    return {
      state: 'look',
      detail: `the database is ahead of this build: ${newer.join(', ')}`,
      advice: 'Fine during a roll-out; otherwise this build is too old.',
    };
  }
  return fine(`${String(names.length)}, all there`);
}

async function owner(db: Database): Promise<Finding> {
  const { owners } = await withSystem(db, 'cli', (tx) =>
    tx.one<{ owners: number }>(
      `select count(distinct m.user_id)::int as owners from memberships as m join users as u on u.id = m.user_id
       where m.scope = 'platform' and m.role = 'owner' and m.withdrawn_at is null and u.status = 'active'`,
    ),
  );
  if (owners > 0) return fine(owners === 1 ? 'there is one' : `there are ${String(owners)}`);
  return {
    state: 'look',
    detail: 'nobody is an owner yet',
    advice: 'Run `usher create-owner --email … --name …`.',
  };
}

async function keyRing(db: Database, io: CliIo): Promise<Finding> {
  const ring = createKeyRing(settings(io.env, ['SECRETS_KEY_RING']).SECRETS_KEY_RING);
  const used = await kidsInUse(db);
  const missing = used.filter(({ kid }) => !ring.kids.includes(kid)).map(({ kid }) => kid);
  if (missing.length > 0) {
    return wrong(
      `lacks ${missing.join(', ')}, which sealed values need`,
      'Put it back into SECRETS_KEY_RING, behind the active key.',
    );
  }
  const old = used.filter(({ kid }) => kid !== ring.activeKid);
  const waiting = old.reduce((sum, { secrets }) => sum + secrets, 0);
  if (waiting > 0) {
    return {
      state: 'look',
      detail: `${String(waiting)} value(s) still hang on ${old.map(({ kid }) => kid).join(', ')}`,
      advice: 'Run `usher secrets rotate`.',
    };
  }
  return fine(`active key ${ring.activeKid}`);
}

async function peppers(db: Database, io: CliIo): Promise<Finding> {
  const { KEYS_HASH_PEPPER: given } = settings(io.env, ['KEYS_HASH_PEPPER']);
  const hasher = createKeyHasher(given, 'usher/api-key/v1');
  const { current, inUse } = await missingPeppers(db, hasher);
  const missing = [...(current === null ? [] : [current]), ...inUse];
  if (missing.length === 0) {
    const active = await withSystem(db, 'cli', currentPepper, { readOnly: true });
    return fine(`current pepper ${active ?? given[0]?.id ?? '?'}`);
  }
  return wrong(
    `lacks ${missing.join(', ')}, which keys in use need`,
    'Put it back into KEYS_HASH_PEPPER; `usher pepper report` shows what hangs on each.',
  );
}

async function outbox(db: Database): Promise<Finding> {
  const which = { dead: false, olderThanSeconds: 30, limit: 1_000 };
  const stuck = await withSystem(db, 'cli', (tx) => openWakes(tx, which));
  const dead = stuck.filter(({ deadAt }) => deadAt !== null).length;
  if (dead > 0) {
    return wrong(
      `${String(dead)} wake-up(s) were refused for good`,
      'See `usher outbox list --dead`; mend the cause, then `usher outbox replay --dead`.',
    );
  }
  if (stuck.length === 0) return fine('nothing is stuck');
  return {
    state: 'look',
    detail: `${String(stuck.length)} wake-up(s) wait for more than 30 s`,
    advice: 'They are delivered by themselves once Temporal and a worker run.',
  };
}

async function parked(db: Database): Promise<Finding> {
  const { count, hours } = await withSystem(db, 'cli', (tx) =>
    tx.one<{ count: number; hours: number | null }>(
      `select count(*)::int as count, (extract(epoch from now() - min(parked_at)) / 3600)::float8 as hours
       from onboardings where state = 'failed'`,
    ),
  );
  if (count === 0) return fine('no onboarding waits for an order');
  return {
    state: 'look',
    detail: `${String(count)} onboarding(s), the oldest for ${(hours ?? 0).toFixed(1)} h`,
    advice: 'See `usher onboarding list --parked`.',
  };
}
