import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import { emitEvent } from '../../../src/domain/tenants/events';
import { withSystem } from '../../../src/platform/db';
import { startTestApp } from '../../support/test-app';
import type { TestApp } from '../../support/test-app';
import { waitFor } from '../../support/wait-for';
import { machine } from '../people';

let app: TestApp;

beforeAll(async () => {
  app = await startTestApp({ worker: false });
});
afterAll(() => app.stop());

interface Seen {
  readonly names: string[];
  cursor: string | undefined;
}

const read = async (after?: string, limit = 100) => {
  const query = after === undefined ? '' : `&after=${encodeURIComponent(after)}`;
  return (await app.call('GET', `/v1/events?limit=${String(limit)}${query}`)).body;
};
/** A reader that stands behind everything there is. */
const readerAtEnd = async (): Promise<Seen> => {
  let cursor: string | undefined;
  for (;;) {
    const { items, next_cursor: next } = await read(cursor);
    cursor = next;
    if (items.length === 0) return { names: [], cursor };
  }
};
const poll = async (reader: Seen, limit = 100): Promise<number> => {
  const { items, next_cursor: next } = await read(reader.cursor, limit);
  reader.cursor = next;
  reader.names.push(...items.map(({ data }: { data: { name: string } }) => data.name));
  return items.length;
};
const pollAll = async (reader: Seen): Promise<string[]> => {
  while ((await poll(reader)) > 0);
  return reader.names;
};
/**
 * Polls until so many events have come. The oldest transaction of the whole server counts, also one of another test's
 * database, so that events may come a moment later than their commit.
 */
const pollUntil = (reader: Seen, n: number): Promise<string[]> =>
  waitFor(
    `${String(n)} events`,
    () => pollAll(reader),
    (names) => names.length >= n,
  );
/** A transaction of its own, which commits when it is told to. */
const writer = async () => {
  const client = new Client({ connectionString: app.database.appUrl });
  await client.connect();
  await client.query('begin');
  return {
    emit: (name: string) =>
      client.query(
        `insert into events (id, type, data) values (gen_random_uuid(), 'test.written.v1', $1)`,
        [JSON.stringify({ name })],
      ),
    end: async (how: 'commit' | 'rollback') => {
      await client.query(how);
      await client.end();
    },
  };
};

describe('GET /v1/events', () => {
  test('200 lists events from the first on, in pages, and then goes on from where it stopped', async () => {
    for (const name of ['a', 'b', 'c']) {
      await withSystem(app.deps.db, 'cli', (tx) =>
        emitEvent(tx, { type: 'test.written.v1', tenantId: null, data: { name } }),
      );
    }
    const first = await waitFor(
      'The first page',
      () => read(undefined, 2),
      ({ items }) => items.length === 2,
    );
    expect(Object.keys(first.items[0]).sort()).toEqual([
      'at',
      'data',
      'id',
      'request_id',
      'tenant_id',
      'type',
    ]);
    const reader: Seen = { names: [], cursor: undefined };
    const names = await waitFor(
      'The last event',
      () => pollAll(reader),
      (found) => found.includes('c'),
    );
    expect(names.slice(-3)).toEqual(['a', 'b', 'c']);
    const again = await read(reader.cursor);
    expect([again.items, again.next_cursor]).toEqual([[], reader.cursor]);
  });

  test('holds back what commits before an older transaction, and never skips that one', async () => {
    const reader = await readerAtEnd();
    const [early, late] = [await writer(), await writer()];
    await early.emit('early 1');
    await late.emit('late');
    await late.end('commit');
    expect(await pollAll(reader)).toEqual([]);
    await early.emit('early 2');
    await early.end('commit');
    expect(await pollUntil(reader, 3)).toEqual(['early 1', 'early 2', 'late']);
  });

  test('waits for nobody who rolls back, and shows nothing of them', async () => {
    const reader = await readerAtEnd();
    const [gone, kept] = [await writer(), await writer()];
    await gone.emit('gone');
    await kept.emit('kept');
    await kept.end('commit');
    await gone.end('rollback');
    expect(await pollUntil(reader, 1)).toEqual(['kept']);
  });

  test('gives every event once and in one order to readers that poll while many write and commit out of order', async () => {
    const readers = [await readerAtEnd(), await readerAtEnd()];
    let writing = true;
    const polls = readers.map(async (reader, index) => {
      while (writing) {
        await poll(reader, index === 0 ? 3 : 100);
        await sleep(index * 7);
      }
    });
    const committed: string[] = [];
    await Promise.all(
      Array.from({ length: 8 }, async (_, lane) => {
        for (let n = 0; n < 12; n += 1) {
          const one = await writer();
          const names = [`${String(lane)}.${String(n)}.0`, `${String(lane)}.${String(n)}.1`];
          for (const name of names) {
            await one.emit(name);
            await sleep(Math.random() * 15);
          }
          const how = n % 5 === 4 ? 'rollback' : 'commit';
          await one.end(how);
          if (how === 'commit') committed.push(...names);
        }
      }),
    );
    writing = false;
    await Promise.all(polls);
    const [first, second] = await Promise.all(
      readers.map((reader) => pollUntil(reader, committed.length)),
    );
    expect([...(first ?? [])].sort()).toEqual([...committed].sort());
    expect(second).toEqual(first);
    const raw = await withSystem(app.deps.db, 'cli', (tx) =>
      tx.rows<{ name: string }>(
        `select data->>'name' as name from events where type = 'test.written.v1' and data->>'name' like '%.%.%'
         order by xid, seq`,
      ),
    );
    expect(first).toEqual(raw.map(({ name }) => name));
  });

  test('422 for a cursor that is none, or another list’s', async () => {
    const { body } = await app.call('GET', '/onboarding/invites?limit=1');
    for (const after of ['nonsense', 'a.b', body.next_cursor ?? 'x.y']) {
      const answer = await app.call('GET', `/v1/events?after=${encodeURIComponent(after)}`);
      expect([answer.status, answer.body.code]).toEqual([422, 'cursor-invalid']);
    }
    expect((await app.call('GET', '/v1/events?cursor=x')).status).toBe(422);
  });

  test('403 without events:read', async () => {
    const { key } = await machine(app, ['tenants:read']);
    expect((await app.call('GET', '/v1/events', { key })).status).toBe(403);
  });
});
