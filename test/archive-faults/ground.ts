import { randomUUID } from 'node:crypto';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { makeCheckpoint } from '../../src/domain/audit/checkpoints';
import { sealEntry } from '../../src/domain/audit/entry';
import { originOfLog } from '../../src/domain/audit/head';
import { insertAllPending } from '../../src/domain/audit/pending';
import { publishCheckpoints } from '../../src/domain/audit/publication';
import { createSequencer } from '../../src/domain/audit/sequencer';
import { createDatabase, withSystem } from '../../src/platform/db';
import { newId } from '../../src/platform/ids';
import { createObjectStore } from '../../src/platform/object-store';
import { startObjectStore } from '../../src/servers/object-store';
import type { ObjectStoreServer } from '../../src/servers/object-store';
import { startPostgres } from '../support/start-servers';
import { newKeys, signingKeysOf } from './site';
import type { Site } from './site';

/** An entry as it was before anything was archived. */
export interface Original {
  readonly seq: number;
  readonly leaf: string;
}

/** A log that is filled and attested, of which each case gets a copy. */
export interface Ground {
  readonly originals: readonly Original[];
  /** Parts of personal data. */
  readonly parts: number;
  /** A copy with an object store of its own. */
  place(): Promise<Place>;
  close(): Promise<void>;
}

/** Where a case takes place. */
export interface Place {
  readonly site: Site;
  readonly server: ObjectStoreServer;
  /** The folder of the store's objects. */
  readonly dir: string;
  /** Opens a connection as superuser; the caller ends it. */
  connect(): Promise<Client>;
  close(): Promise<void>;
}

const entries = 8_192 + 300;
const bucket = 'usher-audit';
const credentials = { accessKey: 'usher', secretKey: 'usher-secret' };
const template = 'archive_template';

/** Prepares one. */
export async function prepareGround(): Promise<Ground> {
  const stateDir = mkdtempSync(join(tmpdir(), 'usher-archive-faults-'));
  chmodSync(stateDir, 0o755);
  const postgres = await startPostgres(stateDir);
  const { answer } = postgres;
  const urls = (database: string) => ({
    appUrl: inDatabase(answer.appUrl, database),
    sequencerUrl: inDatabase(answer.sequencerUrl, database),
    superUrl: inDatabase(answer.superUrl, database),
  });
  const administer = async (sql: string): Promise<void> => {
    const client = new Client({ connectionString: inDatabase(answer.superUrl, 'postgres') });
    await client.connect();
    await client.query(sql);
    await client.end();
  };
  await administer(`create database ${template} owner usher_owner template ${answer.template}`);
  await administer(`grant connect on database ${template} to usher_app, usher_sequencer`);
  const keys = newKeys();
  const { originals, parts } = await fill(urls(template), keys);
  let number = 0;
  return {
    originals,
    parts,
    async place() {
      const name = `archive_case_${String((number += 1))}`;
      await administer(`create database ${name} owner usher_owner template ${template}`);
      await administer(`grant connect on database ${name} to usher_app, usher_sequencer`);
      const dir = join(stateDir, name);
      const server = await startObjectStore({ ...credentials, port: 0, dir, bucket });
      const { superUrl, ...rest } = urls(name);
      await settle(superUrl);
      const store = {
        ...{ ...credentials, endpoint: server.url, region: 'us-east-1', bucket, encrypt: false },
        ...{ allowCidrs: ['127.0.0.0/8'], idleMs: 1_000 },
      };
      await publish(rest.sequencerUrl, keys, store);
      return {
        site: { ...rest, ...keys, store },
        server,
        dir: join(dir, bucket),
        async connect() {
          const client = new Client({ connectionString: superUrl });
          await client.connect();
          return client;
        },
        async close() {
          await server.stop();
          await administer(`drop database ${name} with (force)`);
          rmSync(dir, { recursive: true });
        },
      };
    },
    async close() {
      await postgres.stop?.();
      rmSync(stateDir, { recursive: true, force: true });
    },
  };
}

function inDatabase(url: string, name: string): string {
  const changed = new URL(url);
  changed.pathname = `/${name}`;
  return changed.href;
}

// A copy of a log must not be gone on with; here it is meant.
async function settle(url: string): Promise<void> {
  const client = new Client({ connectionString: url });
  await client.connect();
  await client.query(
    'update audit_head set database_oid = (select oid::bigint from pg_database where datname = current_database())',
  );
  await client.end();
}

async function publish(
  url: string,
  keys: Pick<Site, 'seed' | 'hmac'>,
  settings: Site['store'],
): Promise<void> {
  const sequencer = createDatabase({ url, applicationName: 'publish' });
  const store = createObjectStore(settings);
  const origin = await withSystem(sequencer, 'sequencer', originOfLog);
  await publishCheckpoints(sequencer, store, signingKeysOf(keys), origin ?? '');
  store.close();
  await sequencer.close();
}

async function fill(
  { appUrl, sequencerUrl, superUrl }: Readonly<Record<string, string>>,
  keys: Pick<Site, 'seed' | 'hmac'>,
): Promise<{ originals: Original[]; parts: number }> {
  const app = createDatabase({ url: appUrl ?? '', applicationName: 'fill' });
  const sequencer = createDatabase({ url: sequencerUrl ?? '', applicationName: 'fill' });
  const people = Array.from({ length: 30 }, () => `user:${randomUUID()}`);
  const tenant = randomUUID();
  await withSystem(app, 'cli', (tx) =>
    insertAllPending(
      tx,
      Array.from({ length: entries }, (_, n) => anEntry(n, people[n % 30] ?? '', tenant)),
    ),
  );
  const { round } = createSequencer(sequencer);
  while ((await round()) > 0);
  await withSystem(sequencer, 'sequencer', (tx) =>
    makeCheckpoint(tx, signingKeysOf(keys), 'manual'),
  );
  await app.close();
  await sequencer.close();
  const client = new Client({ connectionString: superUrl });
  await client.connect();
  const { rows } = await client.query<{ seq: string; leaf: string }>(
    'select seq, leaf from audit_log order by seq',
  );
  const count = await client.query<{ count: number }>('select count(*)::int from audit_pii');
  await client.end();
  const originals = rows.map(({ seq, leaf }) => ({ seq: Number(seq), leaf }));
  return { originals, parts: count.rows[0]?.count ?? 0 };
}

function anEntry(n: number, person: string, tenantId: string) {
  const now = new Date().toISOString();
  return sealEntry({
    ...{ id: newId(), kind: 'foreign', via: 'service:test', action: 'order.shipped', crud: 'c' },
    ...{ outcome: 'success', at: now, receivedAt: now, tenantId: n % 3 === 0 ? null : tenantId },
    actor: { type: 'user', id: person },
    targets: [{ type: 'order', id: String(n) }],
    parts: [
      { part: 'context', body: { ip: `192.0.2.${String(n % 250)}` } },
      { part: 'free', body: { description: `Parcel ${String(n)}` }, search: 'parcel' },
    ],
  });
}
