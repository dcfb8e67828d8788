import { createHash, randomUUID } from 'node:crypto';
import type { Hash } from 'node:crypto';
import { open, rm } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { StoreRefusal, notImplemented } from './object-store-answers';
import { chunksOf } from './object-store-chunks';

/** The bytes of an object that came in, on the disk for good but under no name yet. */
export interface Upload {
  readonly file: string;
  readonly bytes: number;
  /** MD5 in hex: the ETag. */
  readonly etag: string;
  /** The checksum that the caller gave, and that fits. */
  readonly checksum: Checksum | null;
}

/** A checksum as S3 names and writes it. */
export interface Checksum {
  readonly algorithm: 'sha256' | 'sha1' | 'crc32';
  /** Base64. */
  readonly value: string;
}

const mostBytes = 5 * 1024 ** 3;
const algorithms = ['sha256', 'sha1', 'crc32'] as const;
const unknownAlgorithms = [
  'crc32c',
  'crc64nvme',
  'md5',
  'sha512',
  'xxhash3',
  'xxhash64',
  'xxhash128',
];

/**
 * Takes the body of a request into a new file of a folder, flushed to the disk. Checksums that the caller gave, in
 * headers or behind the body, are checked first.
 * @throws StoreRefusal, and leaves no file
 */
export async function takeUpload(
  request: IncomingMessage,
  folder: string,
  ignoresChecksums: boolean,
): Promise<Upload> {
  const file = join(folder, `${randomUUID()}.part`);
  try {
    const { bytes, sums, trailers } = await receive(request, file);
    const given = (name: string): string | undefined =>
      trailers.get(name) ?? textOfHeader(request, name);
    if (!ignoresChecksums) requireFit(sums, given);
    const used = algorithms.find((one) => given(`x-amz-checksum-${one}`) !== undefined);
    const checksum = used ? { algorithm: used, value: sums[used] } : null;
    return { file, bytes, etag: Buffer.from(sums.md5, 'base64').toString('hex'), checksum };
  } catch (error) {
    await rm(file, { force: true });
    throw error;
  }
}

/** Checksums of what came in, in base64. */
type Sums = Readonly<Record<Checksum['algorithm'] | 'md5', string>>;

async function receive(
  request: IncomingMessage,
  file: string,
): Promise<{ bytes: number; sums: Sums; trailers: ReadonlyMap<string, string> }> {
  const { length, chunked } = framingOf(request);
  const trailers = new Map<string, string>();
  const meter = createMeter();
  const handle = await open(file, 'wx', 0o600);
  try {
    const body = request as AsyncIterable<Buffer>;
    for await (const chunk of chunked ? chunksOf(body, trailers) : body) {
      meter.take(chunk);
      if (meter.bytes() > mostBytes) {
        throw new StoreRefusal(400, 'EntityTooLarge', 'An object has at most 5 GiB.');
      }
      await handle.writeFile(chunk);
    }
    await handle.sync();
  } finally {
    await handle.close();
  }
  if (meter.bytes() !== length) {
    throw new StoreRefusal(400, 'IncompleteBody', 'The body has another length than announced.');
  }
  return { bytes: meter.bytes(), sums: meter.sums(), trailers };
}

function framingOf(request: IncomingMessage): { length: number; chunked: boolean } {
  const content = textOfHeader(request, 'x-amz-content-sha256') ?? '';
  const chunked = content === 'STREAMING-UNSIGNED-PAYLOAD-TRAILER';
  if (content.startsWith('STREAMING-') && !chunked) throw notImplemented('signed chunks');
  const name = chunked ? 'x-amz-decoded-content-length' : 'content-length';
  const length = Number(textOfHeader(request, name) ?? Number.NaN);
  if (!Number.isInteger(length)) {
    throw new StoreRefusal(411, 'MissingContentLength', 'The length of the body is not announced.');
  }
  return { length, chunked };
}

function createMeter(): { take(chunk: Buffer): void; bytes(): number; sums(): Sums } {
  const hashes = new Map<'md5' | 'sha1' | 'sha256', Hash>(
    (['md5', 'sha1', 'sha256'] as const).map((name) => [name, createHash(name)]),
  );
  let bytes = 0;
  let crc = 0;
  const digest = (name: 'md5' | 'sha1' | 'sha256') => hashes.get(name)?.digest('base64') ?? '';
  return {
    take(chunk) {
      bytes += chunk.length;
      crc = crc32(chunk, crc);
      for (const hash of hashes.values()) hash.update(chunk);
    },
    bytes: () => bytes,
    sums() {
      const check = Buffer.alloc(4);
      check.writeUInt32BE(crc);
      return {
        md5: digest('md5'),
        sha1: digest('sha1'),
        sha256: digest('sha256'),
        crc32: check.toString('base64'),
      };
    },
  };
}

function requireFit(sums: Sums, given: (name: string) => string | undefined): void {
  const unknown = unknownAlgorithms.find((one) => given(`x-amz-checksum-${one}`) !== undefined);
  if (unknown !== undefined) throw notImplemented(`checksums by ${unknown}`);
  const payload = given('x-amz-content-sha256') ?? '';
  if (/^[0-9a-f]{64}$/.test(payload)) {
    const is = Buffer.from(sums.sha256, 'base64').toString('hex');
    if (is !== payload) {
      throw new StoreRefusal(400, 'XAmzContentSHA256Mismatch', 'The body is not the signed one.');
    }
  }
  const wrong = algorithms.find((one) => {
    const value = given(`x-amz-checksum-${one}`);
    return value !== undefined && value !== sums[one];
  });
  const md5 = given('content-md5');
  if (wrong !== undefined || (md5 !== undefined && md5 !== sums.md5)) {
    throw new StoreRefusal(400, 'BadDigest', 'The body does not have the checksum that was given.');
  }
}

/** A header of a request as one text. */
export function textOfHeader(request: IncomingMessage, name: string): string | undefined {
  const value = request.headers[name];
  return Array.isArray(value) ? value.join(',') : value;
}
