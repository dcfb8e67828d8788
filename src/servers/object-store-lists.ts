import { StoreRefusal, notImplemented, textOf, xml } from './object-store-answers';
import type { StoreAnswer, XmlValue } from './object-store-answers';
import { plainBucket } from './object-store-buckets';
import type { Bucket, Buckets, StoredVersion } from './object-store-buckets';
import { defaultRetentionOfXml } from './object-store-locks';

/** A request for a bucket, its signature checked. */
export interface BucketRequest {
  readonly method: string;
  readonly name: string;
  readonly query: URLSearchParams;
  readonly header: (name: string) => string | undefined;
  readonly document: () => Promise<string>;
}

const done: StoreAnswer = { status: 200, headers: {} };
const mostKeys = 1_000;
const lockOn = { ObjectLockEnabled: 'Enabled' };

/** Answers a request for a bucket. */
export async function answerBucket(buckets: Buckets, asked: BucketRequest): Promise<StoreAnswer> {
  const { method, name, query } = asked;
  const part = ['versioning', 'object-lock', 'location', 'versions', 'list-type'].find((one) =>
    query.has(one),
  );
  switch (`${method} ${part ?? ''}`.trim()) {
    case 'PUT':
      return create(buckets, asked);
    case 'HEAD':
      buckets.get(name);
      return done;
    case 'DELETE':
      buckets.remove(name);
      return { status: 204, headers: {} };
    case 'GET location':
      buckets.get(name);
      return xml(200, 'LocationConstraint', '');
    case 'GET versioning':
      return xml(
        200,
        'VersioningConfiguration',
        buckets.get(name).settings.versioning ? { Status: 'Enabled' } : {},
      );
    case 'PUT versioning':
      return setVersioning(buckets, name, await asked.document());
    case 'GET object-lock':
      return showLock(buckets.get(name));
    case 'PUT object-lock':
      return setLock(buckets, name, await asked.document());
    case 'GET list-type':
      return listObjects(buckets.get(name), query);
    case 'GET versions':
      return listVersions(buckets.get(name), query);
    default:
      throw notImplemented(`${method} of a bucket with ?${[...query.keys()].join('&')}`);
  }
}

function create(buckets: Buckets, { name, header }: BucketRequest): StoreAnswer {
  if (!/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(name)) {
    throw new StoreRefusal(400, 'InvalidBucketName', 'The name of the bucket is not valid.');
  }
  const lock = header('x-amz-bucket-object-lock-enabled')?.toLowerCase() === 'true';
  buckets.create(name, { ...plainBucket, versioning: lock, lock });
  return { status: 200, headers: { location: `/${name}` } };
}

function setVersioning(buckets: Buckets, name: string, document: string): StoreAnswer {
  const bucket = buckets.get(name);
  if (textOf(document, 'Status') !== 'Enabled') throw notImplemented('suspended versioning');
  buckets.configure(bucket, { ...bucket.settings, versioning: true });
  return done;
}

function setLock(buckets: Buckets, name: string, document: string): StoreAnswer {
  const bucket = buckets.get(name);
  if (!bucket.settings.versioning) {
    throw new StoreRefusal(409, 'InvalidBucketState', 'Object lock needs versioning.');
  }
  const defaultRetention = defaultRetentionOfXml(document);
  buckets.configure(bucket, { ...bucket.settings, lock: true, defaultRetention });
  return done;
}

function showLock({ settings }: Bucket): StoreAnswer {
  if (!settings.lock) {
    const code = 'ObjectLockConfigurationNotFoundError';
    throw new StoreRefusal(404, code, 'The bucket has no object lock.');
  }
  const { defaultRetention: standard } = settings;
  if (!standard) return xml(200, 'ObjectLockConfiguration', lockOn);
  const rule = { DefaultRetention: { Mode: standard.mode, Days: standard.days } };
  return xml(200, 'ObjectLockConfiguration', { ...lockOn, Rule: rule });
}

// S3 lists keys by their bytes in UTF-8.
const byBytes = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b));

function keysOf(bucket: Bucket, prefix: string): string[] {
  return [...bucket.objects.keys()].filter((key) => key.startsWith(prefix)).sort(byBytes);
}

function limitOf(query: URLSearchParams): number {
  const asked = Number(query.get('max-keys') ?? mostKeys);
  return Number.isInteger(asked) && asked >= 0 ? Math.min(asked, mostKeys) : mostKeys;
}

function shown(query: URLSearchParams): (text: string) => string {
  return query.get('encoding-type') === 'url' ? encodeURIComponent : (text) => text;
}

function listObjects(bucket: Bucket, query: URLSearchParams): StoreAnswer {
  const prefix = query.get('prefix') ?? '';
  const delimiter = query.get('delimiter') ?? '';
  const token = query.get('continuation-token');
  const after = token === null ? (query.get('start-after') ?? '') : fromToken(token);
  const limit = limitOf(query);
  const show = shown(query);
  const items: XmlValue[] = [];
  const prefixes = new Set<string>();
  let last = after;
  let truncated = false;
  for (const key of keysOf(bucket, prefix)) {
    const [version] = bucket.objects.get(key) ?? [];
    if (!version || version.deleted || byBytes(key, after) <= 0) continue;
    const cut = delimiter === '' ? -1 : key.indexOf(delimiter, prefix.length);
    const group = cut < 0 ? undefined : key.slice(0, cut + delimiter.length);
    if (group !== undefined && (prefixes.has(group) || group === after)) continue;
    if (items.length + prefixes.size >= limit) {
      truncated = true;
      break;
    }
    if (group === undefined) items.push(itemOf(version, show));
    else prefixes.add(group);
    last = group ?? key;
  }
  return xml(200, 'ListBucketResult', {
    Name: bucket.name,
    Prefix: show(prefix),
    Delimiter: delimiter === '' ? undefined : show(delimiter),
    EncodingType: query.get('encoding-type') ?? undefined,
    KeyCount: items.length + prefixes.size,
    MaxKeys: limit,
    IsTruncated: truncated,
    NextContinuationToken: truncated ? Buffer.from(last).toString('base64url') : undefined,
    Contents: items,
    CommonPrefixes: [...prefixes].map((group) => ({ Prefix: show(group) })),
  });
}

const fromToken = (token: string): string => Buffer.from(token, 'base64url').toString('utf8');

function itemOf({ key, at, etag, bytes, checksum }: StoredVersion, show: (text: string) => string) {
  return {
    Key: show(key),
    LastModified: at,
    ETag: `"${etag}"`,
    ...(checksum ? { ChecksumAlgorithm: checksum.algorithm.toUpperCase() } : {}),
    Size: bytes,
    StorageClass: 'STANDARD',
  };
}

/** Every version below a prefix; as many as there are, since this store is small. */
function listVersions(bucket: Bucket, query: URLSearchParams): StoreAnswer {
  const prefix = query.get('prefix') ?? '';
  const show = shown(query);
  const all = keysOf(bucket, prefix).flatMap((key) =>
    (bucket.objects.get(key) ?? []).map((version, index) => ({ version, latest: index === 0 })),
  );
  const row = ({ version, latest }: (typeof all)[number]) => ({
    ...itemOf(version, show),
    VersionId: version.id,
    IsLatest: latest,
  });
  return xml(200, 'ListVersionsResult', {
    Name: bucket.name,
    Prefix: show(prefix),
    EncodingType: query.get('encoding-type') ?? undefined,
    MaxKeys: all.length,
    IsTruncated: false,
    Version: all.filter(({ version }) => !version.deleted).map(row),
    DeleteMarker: all
      .filter(({ version }) => version.deleted)
      .map(({ version, latest }) => ({
        Key: show(version.key),
        VersionId: version.id,
        IsLatest: latest,
        LastModified: version.at,
      })),
  });
}
