import { rmSync, truncateSync } from 'node:fs';
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { StoreRefusal, notImplemented, xml } from './object-store-answers';
import type { StoreAnswer } from './object-store-answers';
import type { Bucket, Buckets, StoredVersion } from './object-store-buckets';
import type { StoreFault } from './object-store-faults';
import {
  holdOf,
  lockOfHeaders,
  noLock,
  requireDeletable,
  requireStronger,
  retentionOfXml,
} from './object-store-locks';
import type { Lock } from './object-store-locks';
import { takeUpload } from './object-store-upload';
import type { Upload } from './object-store-upload';

/** A request for one object, its signature checked. */
export interface ObjectRequest {
  readonly method: string;
  readonly bucket: Bucket;
  readonly key: string;
  readonly query: URLSearchParams;
  readonly request: IncomingMessage;
  readonly header: (name: string) => string | undefined;
  readonly faults: ReadonlyMap<StoreFault['mode'], StoreFault>;
  /** The body of a small XML document. */
  readonly document: () => Promise<string>;
}

/** What a store keeps beside its buckets: objects that it said it stored and did not. */
export type Phantoms = Map<string, StoredVersion>;

/** Answers a request for an object. */
export async function answerObject(
  buckets: Buckets,
  phantoms: Phantoms,
  asked: ObjectRequest,
): Promise<StoreAnswer> {
  const part = ['retention', 'legal-hold'].find((name) => asked.query.has(name));
  if (part !== undefined) return answerLock(buckets, asked, part);
  const odd = ['uploads', 'uploadId', 'acl', 'tagging', 'attributes', 'torrent', 'select'].find(
    (name) => asked.query.has(name),
  );
  if (odd !== undefined) throw notImplemented(`?${odd}`);
  switch (asked.method) {
    case 'PUT':
      return put(buckets, phantoms, asked);
    case 'HEAD':
    case 'GET':
      return read(buckets, phantoms, asked);
    case 'DELETE':
      return remove(buckets, asked);
    default:
      throw new StoreRefusal(405, 'MethodNotAllowed', 'An object has no such method.');
  }
}

async function put(
  buckets: Buckets,
  phantoms: Phantoms,
  { bucket, key, request, header, faults }: ObjectRequest,
): Promise<StoreAnswer> {
  const { lock: lockable, defaultRetention } = bucket.settings;
  if (header('x-amz-copy-source') !== undefined) throw notImplemented('copies');
  if (header('if-match') !== undefined) throw notImplemented('If-Match');
  const condition = header('if-none-match');
  if (condition !== undefined && condition !== '*')
    throw notImplemented('If-None-Match of an ETag');
  const asked = lockOfHeaders(header, defaultRetention, Date.now());
  const lock = faults.has('unlocked') ? noLock : asked;
  if (lock.retention !== null || lock.legalHold) requireLockable(lockable, header);
  const whole = await takeUpload(request, buckets.incoming, faults.has('unchecked'));
  const upload = faults.has('cut-upload') ? halved(whole) : whole;
  // From here to the end nothing waits, so that of two who want to be first one is.
  const current = bucket.objects.get(key)?.[0];
  const mayReplace = condition !== '*' || faults.has('unconditional');
  if (current?.deleted === false && !mayReplace) {
    rmSync(upload.file, { force: true });
    throw new StoreRefusal(412, 'PreconditionFailed', 'There is an object of this key.');
  }
  const draft = { ...describe(key, request.headers, upload), lock };
  const claim = `${bucket.name}/${key}`;
  if (faults.has('unstored')) {
    const phantom = { ...draft, id: '0'.repeat(16), at: new Date().toISOString() };
    phantoms.set(claim, phantom);
    rmSync(upload.file, { force: true });
    return stored(bucket, phantom);
  }
  phantoms.delete(claim);
  return stored(bucket, buckets.add(bucket, draft, upload));
}

function halved(upload: Upload): Upload {
  const bytes = Math.floor(upload.bytes / 2);
  truncateSync(upload.file, bytes);
  return { ...upload, bytes };
}

function requireLockable(lockable: boolean, header: (name: string) => string | undefined): void {
  if (!lockable) {
    throw new StoreRefusal(400, 'InvalidRequest', 'The bucket has no object lock.');
  }
  const names = ['content-md5', 'sha256', 'sha1', 'crc32'];
  const given = names.some((name) => header(name) ?? header(`x-amz-checksum-${name}`));
  if (!given && header('x-amz-trailer') === undefined) {
    throw new StoreRefusal(400, 'InvalidRequest', 'An object to be locked needs a checksum.');
  }
}

function describe(
  key: string,
  headers: IncomingHttpHeaders,
  { bytes, etag, checksum }: Upload,
): Omit<StoredVersion, 'id' | 'at' | 'lock'> {
  const encrypted = headers['x-amz-server-side-encryption'];
  if (encrypted !== undefined && encrypted !== 'AES256') throw notImplemented('keys of a KMS');
  return {
    key,
    deleted: false,
    bytes,
    etag,
    checksum,
    contentType: headers['content-type'] ?? 'application/octet-stream',
    metadata: metadataOf(headers),
    encrypted: encrypted !== undefined,
  };
}

const metadataMark = 'x-amz-meta-';

function metadataOf(headers: IncomingHttpHeaders): Record<string, string> {
  const own = Object.entries(headers).filter(([name]) => name.startsWith(metadataMark));
  return Object.fromEntries(own.map(([name, value]) => [name, String(value)]));
}

function versionHeader(bucket: Bucket, { id }: StoredVersion): Record<string, string> {
  return bucket.settings.versioning ? { 'x-amz-version-id': id } : {};
}

const checksumHeader = ({ checksum }: StoredVersion): Record<string, string> =>
  checksum ? { [`x-amz-checksum-${checksum.algorithm}`]: checksum.value } : {};

const encryptionHeader = ({ encrypted }: StoredVersion): Record<string, string> =>
  encrypted ? { 'x-amz-server-side-encryption': 'AES256' } : {};

function stored(bucket: Bucket, version: StoredVersion): StoreAnswer {
  return {
    status: 200,
    headers: {
      etag: `"${version.etag}"`,
      ...versionHeader(bucket, version),
      ...checksumHeader(version),
      ...encryptionHeader(version),
    },
  };
}

function find({ bucket, key, query, faults }: ObjectRequest): StoredVersion {
  const versions = bucket.objects.get(key) ?? [];
  const wanted = query.get('versionId');
  const [newest, before] = versions;
  const found =
    wanted === null
      ? faults.has('stale')
        ? before
        : newest
      : versions.find(({ id }) => id === wanted);
  if (found && !found.deleted) return found;
  if (wanted !== null && !found) {
    throw new StoreRefusal(404, 'NoSuchVersion', 'The object has no such version.');
  }
  throw new StoreRefusal(404, 'NoSuchKey', 'There is no object of this key.');
}

function read(buckets: Buckets, phantoms: Phantoms, asked: ObjectRequest): StoreAnswer {
  const { bucket, key, method, header, faults } = asked;
  const conditions = ['range', 'if-match', 'if-none-match', 'if-modified-since'];
  const odd = conditions.find((name) => header(name) !== undefined);
  if (odd !== undefined) throw notImplemented(odd);
  const phantom = faults.has('phantom') ? phantoms.get(`${bucket.name}/${key}`) : undefined;
  const version = phantom ?? find(asked);
  const wantsChecksum = header('x-amz-checksum-mode')?.toUpperCase() === 'ENABLED';
  return {
    status: 200,
    headers: {
      'content-type': version.contentType,
      'content-length': String(version.bytes),
      etag: `"${version.etag}"`,
      'last-modified': new Date(version.at).toUTCString(),
      ...versionHeader(bucket, version),
      ...version.metadata,
      ...(wantsChecksum ? checksumHeader(version) : {}),
      ...encryptionHeader(version),
      ...lockHeaders(version.lock),
    },
    ...(method === 'GET'
      ? { body: { file: buckets.fileOf(bucket, version), bytes: version.bytes } }
      : {}),
  };
}

function lockHeaders({ retention, legalHold }: Lock): Record<string, string> {
  return {
    ...(retention
      ? {
          'x-amz-object-lock-mode': retention.mode,
          'x-amz-object-lock-retain-until-date': retention.until,
        }
      : {}),
    ...(legalHold ? { 'x-amz-object-lock-legal-hold': 'ON' } : {}),
  };
}

const mayBypass = (header: ObjectRequest['header']): boolean =>
  header('x-amz-bypass-governance-retention')?.toLowerCase() === 'true';

const deletion = {
  deleted: true,
  bytes: 0,
  etag: '',
  checksum: null,
  contentType: '',
  metadata: {},
  encrypted: false,
  lock: noLock,
};

function remove(buckets: Buckets, asked: ObjectRequest): StoreAnswer {
  const { bucket, key, query, header, faults } = asked;
  const versions = bucket.objects.get(key) ?? [];
  const wanted = query.get('versionId');
  const [newest] = versions;
  if (wanted === null && bucket.settings.versioning) {
    const { id } = buckets.add(bucket, { ...deletion, key }, null);
    return { status: 204, headers: { 'x-amz-delete-marker': 'true', 'x-amz-version-id': id } };
  }
  const version = wanted === null ? newest : versions.find(({ id }) => id === wanted);
  if (version) {
    if (!faults.has('unlocked')) requireDeletable(version.lock, mayBypass(header), Date.now());
    buckets.drop(bucket, version);
  }
  return { status: 204, headers: wanted === null ? {} : { 'x-amz-version-id': wanted } };
}

async function answerLock(
  buckets: Buckets,
  asked: ObjectRequest,
  part: string,
): Promise<StoreAnswer> {
  const { bucket, method, header } = asked;
  if (!bucket.settings.lock) {
    throw new StoreRefusal(400, 'InvalidRequest', 'The bucket has no object lock.');
  }
  const document = method === 'PUT' ? await asked.document() : '';
  const version = find(asked);
  if (method === 'PUT') {
    const now = Date.now();
    const wanted = part === 'retention' ? retentionOfXml(document, now) : undefined;
    if (wanted === undefined) {
      buckets.relock(bucket, version, { ...version.lock, legalHold: holdOfXml(document) });
    } else {
      requireStronger(version.lock, wanted, mayBypass(header), now);
      buckets.relock(bucket, version, { ...version.lock, retention: wanted });
    }
    return { status: 200, headers: {} };
  }
  const { retention, legalHold } = version.lock;
  if (part === 'legal-hold') return xml(200, 'LegalHold', { Status: legalHold ? 'ON' : 'OFF' });
  if (retention)
    return xml(200, 'Retention', { Mode: retention.mode, RetainUntilDate: retention.until });
  throw new StoreRefusal(404, 'NoSuchObjectLockConfiguration', 'The version has no retention.');
}

const holdOfXml = (document: string): boolean =>
  holdOf(/<Status>(ON|OFF)<\/Status>/.exec(document)?.[1]);
