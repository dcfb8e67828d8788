/**
 * The object store of development and tests: an S3-compatible server over a folder. It knows one bucket-full of S3:
 * objects by path-style addresses, signatures, checksums, conditional PUTs, versions, object lock, and refuses the
 * rest. As a process, for tests that kill it: `node object-store.js --port N --dir D`, with the keys in
 * `OBJECT_STORE_ACCESS_KEY` and `OBJECT_STORE_SECRET_KEY`; it prints one JSON line when it is ready.
 */
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { StoreRefusal, refused, xml } from './object-store-answers';
import type { StoreAnswer } from './object-store-answers';
import { openBuckets, plainBucket } from './object-store-buckets';
import type { Buckets } from './object-store-buckets';
import { sendAnswer } from './object-store-delivery';
import { createStoreFaults } from './object-store-faults';
import type { StoreFaultPlan } from './object-store-faults';
import { answerBucket } from './object-store-lists';
import { answerObject } from './object-store-objects';
import type { Phantoms } from './object-store-objects';
import { requireSignature } from './object-store-signature';
import type { StoreCredentials } from './object-store-signature';
import { textOfHeader } from './object-store-upload';

/** One request that came in. */
export interface SeenRequest {
  readonly method: string;
  readonly key: string;
  /** Null when the connection was cut instead of an answer. */
  readonly status: number | null;
}

/** A running object store. */
export interface ObjectStoreServer {
  readonly url: string;
  readonly faults: StoreFaultPlan;
  /** Requests so far, oldest first; the last ten thousand. */
  requests(): readonly SeenRequest[];
  /** Requests that rest at this moment because of a fault. */
  resting(): number;
  /** Lets them go on. */
  wake(): void;
  stop(): Promise<void>;
}

/** How an object store is started. */
export interface ObjectStoreOptions extends StoreCredentials {
  /** 0 takes any free one. */
  readonly port: number;
  /** Where the objects lie; one server at a time. */
  readonly dir: string;
  /** A bucket that is made, with object lock, unless it is there. */
  readonly bucket?: string | undefined;
}

const mostRequests = 10_000;
const longestDocument = 65_536;

interface Parts {
  readonly resting: Set<AbortController>;
  readonly buckets: Buckets;
  readonly phantoms: Phantoms;
  readonly credentials: StoreCredentials;
  readonly faults: StoreFaultPlan;
}

/** Starts one on 127.0.0.1. */
export async function startObjectStore(options: ObjectStoreOptions): Promise<ObjectStoreServer> {
  const buckets = openBuckets(options.dir);
  const { bucket } = options;
  if (bucket !== undefined && !buckets.list().some(({ name }) => name === bucket)) {
    buckets.create(bucket, { ...plainBucket, versioning: true, lock: true });
  }
  const faults = createStoreFaults();
  const parts: Parts = {
    resting: new Set(),
    buckets,
    phantoms: new Map(),
    credentials: options,
    faults,
  };
  let requests: SeenRequest[] = [];
  const server = createServer((request, response) => {
    void handle(parts, request, response).then((seen) => {
      requests.push(seen);
      if (requests.length > mostRequests) requests = requests.slice(mostRequests / 2);
    });
  });
  server.keepAliveTimeout = 60_000;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, '127.0.0.1', resolve);
  });
  return {
    url: `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`,
    faults,
    requests: () => requests,
    resting: () => parts.resting.size,
    wake: () => {
      for (const rest of parts.resting) rest.abort();
    },
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function handle(
  parts: Parts,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<SeenRequest> {
  const target = request.url ?? '/';
  const method = request.method ?? 'GET';
  const { bucket, key, query } = placeOf(target);
  const met = parts.faults.strike(method, key);
  const slow = met.get('slow');
  if (slow?.after === false) await rest(parts, slow.delay_ms);
  const [refusal, hangUp] = [met.get('status'), met.get('reset')];
  const early = refusal?.after === false ? refusal : undefined;
  let answer: StoreAnswer;
  if (hangUp?.after === false) answer = { status: 0, headers: {} };
  else if (early) answer = refused(new StoreRefusal(early.status, early.code, 'Injected.'), target);
  else answer = await answerTo(parts, request, { target, method, bucket, key, query }, met);
  if (slow?.after === true) await rest(parts, slow.delay_ms);
  if (refusal?.after === true) {
    answer = refused(new StoreRefusal(refusal.status, refusal.code, 'Injected.'), target);
  }
  if (hangUp) {
    request.socket.resetAndDestroy();
    return { method, key, status: null };
  }
  await sendAnswer(request, response, answer, met);
  return { method, key, status: answer.status };
}

async function rest({ resting }: Parts, ms: number): Promise<void> {
  const end = new AbortController();
  resting.add(end);
  await sleep(ms, undefined, { ref: false, signal: end.signal }).catch(() => undefined);
  resting.delete(end);
}

interface Place {
  readonly bucket: string;
  readonly key: string;
  readonly query: URLSearchParams;
}

function placeOf(target: string): Place {
  const [path = '', query = ''] = target.split(/\?(.*)/s);
  const [, bucket = '', key = ''] = /^\/([^/]*)\/?(.*)$/s.exec(path) ?? [];
  return { bucket, key: decoded(key), query: new URLSearchParams(query) };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    // Its signature cannot be checked either, and that refuses it.
    return text;
  }
}

async function answerTo(
  { buckets, phantoms, credentials }: Parts,
  request: IncomingMessage,
  place: Place & { readonly target: string; readonly method: string },
  faults: ReturnType<StoreFaultPlan['strike']>,
): Promise<StoreAnswer> {
  const { target, method, bucket, key, query } = place;
  try {
    requireSignature({ method, target, headers: request.headers }, credentials, Date.now());
    const header = (name: string) => textOfHeader(request, name);
    const document = () => readDocument(request);
    if (bucket === '') return listBuckets(buckets);
    if (key === '') {
      return await answerBucket(buckets, { method, name: bucket, query, header, document });
    }
    const shared = { method, key, query, request, header, faults, document };
    return await answerObject(buckets, phantoms, { ...shared, bucket: buckets.get(bucket) });
  } catch (error) {
    if (error instanceof StoreRefusal) return refused(error, target);
    const { code = 'unknown' } = error as NodeJS.ErrnoException;
    return refused(new StoreRefusal(500, 'InternalError', `The disk failed: ${code}.`), target);
  }
}

function listBuckets(buckets: Buckets): StoreAnswer {
  const names = buckets.list().map(({ name }) => ({ Name: name }));
  return xml(200, 'ListAllMyBucketsResult', { Buckets: { Bucket: names } });
}

async function readDocument(request: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of request) {
    text += String(chunk);
    if (text.length > longestDocument) {
      throw new StoreRefusal(400, 'MalformedXML', 'The document is too long.');
    }
  }
  return text;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { port: { type: 'string' }, dir: { type: 'string' }, bucket: { type: 'string' } },
  });
  const { OBJECT_STORE_ACCESS_KEY: accessKey, OBJECT_STORE_SECRET_KEY: secretKey } = process.env;
  const { dir, bucket } = values;
  if (!accessKey || !secretKey || dir === undefined) {
    throw new Error('usage: object-store --dir D [--port N] [--bucket B], keys in OBJECT_STORE_*');
  }
  const port = Number(values.port ?? 0);
  const store = await startObjectStore({ port, dir, bucket, accessKey, secretKey });
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => void store.stop().then(() => process.exit(0)));
  }
  process.stdout.write(`${JSON.stringify({ url: store.url })}\n`);
}

if (require.main === module) {
  main().catch((error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  });
}
