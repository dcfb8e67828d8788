import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import { StoreRefusal, refused } from './object-store-answers';
import type { StoreAnswer } from './object-store-answers';
import type { StoreFault } from './object-store-faults';

/** The faults that a request met. */
type Faults = ReadonlyMap<StoreFault['mode'], StoreFault>;

const otherChecksum = Buffer.alloc(32, 0x5a).toString('base64');

/** Sends an answer, the way that faults want it changed. */
export async function sendAnswer(
  request: IncomingMessage,
  response: ServerResponse,
  answer: StoreAnswer,
  faults: Faults,
): Promise<void> {
  // Whoever was refused before the body came in still has to send it, or the connection would stand in between.
  request.resume();
  const { status, body } = answer;
  const headers = changedHeaders(answer.headers, faults);
  try {
    if (typeof body === 'object') await sendFile(response, { status, headers }, body, faults);
    else {
      const length =
        body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) };
      response.writeHead(status, { ...length, ...headers });
      response.end(request.method === 'HEAD' ? undefined : body);
    }
  } catch {
    // The other side hung up, or the file is not there: either way the answer cannot be finished.
    response.destroy();
  }
}

function changedHeaders(headers: StoreAnswer['headers'], faults: Faults): Record<string, string> {
  const entries = Object.entries(headers).flatMap(([name, value]) => {
    if (!/^x-amz-checksum-/.test(name)) return [[name, value] as const];
    if (faults.has('no-checksum')) return [];
    return [[name, faults.has('wrong-checksum') ? otherChecksum : value] as const];
  });
  return Object.fromEntries(entries);
}

async function sendFile(
  response: ServerResponse,
  { status, headers }: Pick<StoreAnswer, 'status' | 'headers'>,
  { file, bytes }: { readonly file: string; readonly bytes: number },
  faults: Faults,
): Promise<void> {
  if (faults.has('cut-body') || faults.has('short-body') || faults.has('changed-byte')) {
    await sendSpoilt(response, { status, headers }, file, faults);
    return;
  }
  const stream = createReadStream(file, { end: Math.max(0, bytes - 1) });
  try {
    await new Promise<void>((resolve, reject) => {
      stream.once('open', () => resolve());
      stream.once('error', reject);
    });
  } catch {
    const lost = refused(new StoreRefusal(500, 'InternalError', 'The bytes are not there.'), '');
    response.writeHead(lost.status, lost.headers).end(lost.body);
    return;
  }
  response.writeHead(status, headers);
  await pipeline(stream, response, { end: false });
  // Somebody cut the file: whoever reads must not wait for the rest.
  if (stream.bytesRead < bytes) response.destroy();
  else response.end();
}

async function sendSpoilt(
  response: ServerResponse,
  { status, headers }: Pick<StoreAnswer, 'status' | 'headers'>,
  file: string,
  faults: Faults,
): Promise<void> {
  const bytes = await readFile(file);
  const half = bytes.subarray(0, Math.floor(bytes.length / 2));
  if (faults.has('cut-body')) {
    response.writeHead(status, headers);
    await new Promise((resolve) => response.write(half, resolve));
    response.destroy();
    return;
  }
  if (faults.has('changed-byte') && bytes.length > 0) {
    const at = Math.floor(bytes.length / 2);
    bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at);
  }
  const sent = faults.has('short-body') ? half : bytes;
  response.writeHead(status, { ...headers, 'content-length': String(sent.length) });
  response.end(sent);
}
