import type { Client } from 'pg';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { StoreFaultPlan } from '../../src/servers/object-store-faults';
import type { Place } from './ground';

/** Faults as a plan takes them. */
export type Faults = Parameters<StoreFaultPlan['set']>[0];

/** Something that stops the driver at a step until it is released. */
export interface Hold {
  /** Whether the driver stands still there. */
  isHeld(): Promise<boolean>;
  release(): Promise<void>;
}

/** One case. */
export type Case =
  | {
      readonly kind: 'kill';
      readonly name: string;
      readonly hold: (place: Place) => Promise<Hold>;
    }
  | {
      readonly kind: 'lie';
      readonly name: string;
      readonly faults: Faults;
      /** The store goes on like that for ever: then nothing may be dropped. */
      readonly forEver?: true;
    }
  | {
      readonly kind: 'loss';
      readonly name: string;
      /** Spoils what lies in the store after it was found to be whole, before entries are dropped. */
      readonly spoil: (place: Place) => Promise<void> | void;
    };

/** Milliseconds that a request rests at most before the driver is killed there. */
export const restMs = 120_000;
const objects = ['leaves', 'personal', 'manifests'] as const;

type Fault = Faults[number];

const storeHold =
  (fault: Omit<Fault, 'mode'>) =>
  (place: Place): Promise<Hold> => {
    place.server.faults.set([{ ...fault, mode: 'slow', delay_ms: restMs }]);
    return Promise.resolve({
      isHeld: () => Promise.resolve(place.server.resting() > 0),
      release: () => {
        place.server.faults.set([]);
        place.server.wake();
        return Promise.resolve();
      },
    });
  };

async function isWaiting(client: Client): Promise<boolean> {
  const { rows } = await client.query(
    `select 1 from pg_stat_activity where application_name = 'archive-driver' and wait_event_type = 'Lock'
       and datname = current_database()`,
  );
  return rows.length > 0;
}

const lockHold =
  (lock: string) =>
  async (place: Place): Promise<Hold> => {
    const [holder, watcher] = [await place.connect(), await place.connect()];
    await holder.query('begin');
    await holder.query(lock);
    return {
      isHeld: () => isWaiting(watcher),
      async release() {
        await holder.query('rollback');
        await holder.end();
        await watcher.end();
      },
    };
  };

/** Lets the driver come to a step of the store, holds it there, and locks something that it needs next. */
const lockAfter =
  (fault: Omit<Fault, 'mode'>, lock: string) =>
  async (place: Place): Promise<Hold> => {
    const first = await storeHold(fault)(place);
    let second: Hold | undefined;
    return {
      async isHeld() {
        if (!second) {
          if (!(await first.isHeld())) return false;
          second = await lockHold(lock)(place);
          await first.release();
        }
        return second.isHeld();
      },
      async release() {
        await second?.release();
      },
    };
  };

const kills: readonly Case[] = [
  ['while it plans', lockHold('lock table audit_batches in exclusive mode')],
  ['before the keys of personal data are made', lockHold('lock table audit_subject_keys')],
  ['after building, before the digests are written', lockHold('lock table system_state')],
  ...objects.flatMap((key) => [
    [`before PUT of ${key}`, storeHold({ method: 'PUT', key: `/${key}/` })] as const,
    [
      `after PUT of ${key}, before its answer`,
      storeHold({ method: 'PUT', key: `/${key}/`, after: true }),
    ] as const,
    [`at HEAD of ${key} after its PUT`, storeHold({ method: 'HEAD', key: `/${key}/` })] as const,
  ]),
  ['at HEAD of leaves that confirms', storeHold({ method: 'HEAD', key: '/leaves/', skip: 1 })],
  [
    'at HEAD of the manifest that confirms',
    storeHold({ method: 'HEAD', key: '/manifests/', skip: 1 }),
  ],
  ['while the confirmation is written', lockHold('lock table audit_pending in exclusive mode')],
  ...objects.map(
    (key) =>
      [
        `while ${key} are fetched for the drop`,
        storeHold({ method: 'GET', key: `/${key}/` }),
      ] as const,
  ),
  [
    'while the drop waits for a reader of the log',
    lockAfter({ method: 'GET', key: '/manifests/' }, 'lock table audit_log in access share mode'),
  ],
  [
    'after the drop, before its commit',
    lockAfter({ method: 'GET', key: '/manifests/' }, 'lock table audit_pending in exclusive mode'),
  ],
].map(([name, hold]) => ({ kind: 'kill', name: `kill -9 ${name as string}`, hold: hold as never }));

const once = { times: 1 } as const;

const lies: readonly Case[] = objects.flatMap((object) => {
  const key = `/${object}/`;
  const put = { method: 'PUT', key } as const;
  const head = { method: 'HEAD', key } as const;
  const get = { method: 'GET', key } as const;
  const list: [string, Faults][] = [
    ['200 without storing', [{ mode: 'unstored', ...put, ...once }]],
    [
      '200 without storing, HEAD shows it',
      [
        { mode: 'unstored', ...put, ...once },
        { mode: 'phantom', ...head },
      ],
    ],
    ['half of it stored', [{ mode: 'cut-upload', ...put, ...once }]],
    [
      '412 without an object',
      [{ mode: 'status', status: 412, code: 'PreconditionFailed', ...put, ...once }],
    ],
    [
      '409',
      [{ mode: 'status', status: 409, code: 'ConditionalRequestConflict', ...put, times: 4 }],
    ],
    ['503', [{ mode: 'status', ...put, times: 4 }]],
    ['403', [{ mode: 'status', status: 403, code: 'AccessDenied', ...put, ...once }]],
    ['connection cut before', [{ mode: 'reset', ...put, times: 4 }]],
    ['connection cut after', [{ mode: 'reset', after: true, ...put, times: 1 }]],
    ['no answer', [{ mode: 'slow', delay_ms: 30_000, ...put, times: 1 }]],
    ['stale HEAD', [{ mode: 'stale', ...head, ...once }]],
    ['HEAD 503', [{ mode: 'status', ...head, times: 4 }]],
    ['wrong checksum', [{ mode: 'wrong-checksum', ...head, ...once }]],
    ['no checksum', [{ mode: 'no-checksum', ...head }]],
    ['body cut off', [{ mode: 'cut-body', ...get, ...once }]],
    ['truncated body', [{ mode: 'short-body', ...get, ...once }]],
    ['a changed byte', [{ mode: 'changed-byte', ...get, ...once }]],
    ['GET 404', [{ mode: 'stale', ...get, ...once }]],
  ];
  return list.map(([name, faults]) => ({
    kind: 'lie' as const,
    name: `${object}: ${name}`,
    faults,
  }));
});

const forEver: readonly Case[] = (
  [
    ['200 without storing', [{ mode: 'unstored', method: 'PUT' }]],
    [
      '200 without storing, HEAD shows it',
      [
        { mode: 'unstored', method: 'PUT' },
        { mode: 'phantom', method: 'HEAD' },
      ],
    ],
    ['half of it stored', [{ mode: 'cut-upload', method: 'PUT' }]],
    ['503', [{ mode: 'status' }]],
    ['403', [{ mode: 'status', status: 403, code: 'AccessDenied' }]],
    ['wrong checksum', [{ mode: 'wrong-checksum' }]],
    ['a changed byte', [{ mode: 'changed-byte' }]],
    ['truncated body', [{ mode: 'short-body' }]],
  ] as [string, Faults][]
).map(([name, faults]) => ({ kind: 'lie', name: `for ever: ${name}`, faults, forEver: true }));

function filesOf({ dir }: Place, object: string): string[] {
  return readdirSync(dir, { recursive: true })
    .map(String)
    .filter((name) => name.includes(`${object}/`) && name.endsWith('.bin'))
    .map((name) => join(dir, name));
}

const losses: readonly Case[] = objects.flatMap((object) => [
  {
    kind: 'loss' as const,
    name: `${object}: lost after the confirmation`,
    spoil: (place: Place) => {
      for (const file of filesOf(place, object)) rmSync(file);
    },
  },
  {
    kind: 'loss' as const,
    name: `${object}: a bit rotted after the confirmation`,
    spoil: (place: Place) => {
      for (const file of filesOf(place, object)) {
        const bytes = readFileSync(file);
        bytes.writeUInt8(bytes.readUInt8(bytes.length >> 1) ^ 4, bytes.length >> 1);
        writeFileSync(file, bytes);
      }
    },
  },
]);

/** Every case. */
export const cases: readonly Case[] = [...kills, ...lies, ...forEver, ...losses];
