import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { StoreRefusal } from './object-store-answers';

/** The one caller that a store knows. */
export interface StoreCredentials {
  readonly accessKey: string;
  readonly secretKey: string;
}

/** What of a request is signed. */
export interface SignedRequest {
  readonly method: string;
  /** Path and query as they came. */
  readonly target: string;
  readonly headers: IncomingHttpHeaders;
}

const algorithm = 'AWS4-HMAC-SHA256';
const mostSkewMs = 15 * 60 * 1000;
const form = new RegExp(
  `^${algorithm} Credential=([^/,]+)/(\\d{8})/([\\w-]+)/s3/aws4_request, ?SignedHeaders=([\\w;-]+), ?Signature=([0-9a-f]{64})$`,
);

/**
 * Checks a request's Signature Version 4, as header; signed URLs are not known.
 * @throws StoreRefusal when it is not by the caller that the store knows, is of another time, or leaves a header out
 */
export function requireSignature(
  request: SignedRequest,
  { accessKey, secretKey }: StoreCredentials,
  now: number,
): void {
  const { headers } = request;
  const match = form.exec(headers.authorization ?? '');
  if (!match)
    throw new StoreRefusal(403, 'AccessDenied', 'The request has no Signature Version 4.');
  const [, key = '', day = '', region = '', names = '', signature = ''] = match;
  if (key !== accessKey) {
    throw new StoreRefusal(403, 'InvalidAccessKeyId', 'This store does not know the access key.');
  }
  const at = String(headers['x-amz-date']);
  requireTime(at, day, now);
  const signed = names.split(';');
  const left = Object.keys(headers).filter(
    (name) => (name === 'host' || name.startsWith('x-amz-')) && !signed.includes(name),
  );
  if (left.length > 0) {
    throw new StoreRefusal(403, 'AccessDenied', `Not signed: ${left.join(', ')}.`);
  }
  const scope = `${day}/${region}/s3/aws4_request`;
  const toSign = [algorithm, at, scope, sha256(canonicalRequest(request, signed))].join('\n');
  const expected = hmac(signingKey(secretKey, day, region), toSign);
  if (!timingSafeEqual(expected, Buffer.from(signature, 'hex'))) {
    throw new StoreRefusal(403, 'SignatureDoesNotMatch', 'The signature does not fit the request.');
  }
}

function requireTime(at: string, day: string, now: number): void {
  const [, year, month, date, hour, minute, second] =
    /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(at) ?? [];
  const time = Date.parse(
    `${String(year)}-${String(month)}-${String(date)}T${String(hour)}:${String(minute)}:${String(second)}Z`,
  );
  if (!at.startsWith(day) || Number.isNaN(time)) {
    throw new StoreRefusal(403, 'AccessDenied', 'The request does not say when it was signed.');
  }
  if (Math.abs(time - now) > mostSkewMs) {
    throw new StoreRefusal(403, 'RequestTimeTooSkewed', 'The clocks differ by over 15 minutes.');
  }
}

function canonicalRequest({ method, target, headers }: SignedRequest, signed: string[]): string {
  const [path = '', query = ''] = target.split(/\?(.*)/s);
  return [
    method,
    path.split('/').map(recoded).join('/'),
    canonicalQuery(query),
    ...signed.map((name) => `${name}:${headerText(headers, name)}`),
    '',
    signed.join(';'),
    headerText(headers, 'x-amz-content-sha256'),
  ].join('\n');
}

function canonicalQuery(query: string): string {
  const pairs = query
    .split('&')
    .filter(Boolean)
    .map((pair) => {
      const [name = '', value = ''] = pair.split(/=(.*)/s);
      return [recoded(name), recoded(value)] as const;
    });
  const order = (a: string, b: string) => (a < b ? -1 : Number(a > b));
  return pairs
    .sort(([a, x], [b, y]) => order(a, b) || order(x, y))
    .map(([name, value]) => `${name}=${value}`)
    .join('&');
}

function recoded(text: string): string {
  return encodeURIComponent(decoded(text)).replace(
    /[!'()*]/g,
    (found) => `%${found.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new StoreRefusal(400, 'InvalidURI', 'The path is not percent-encoded UTF-8.');
  }
}

function headerText(headers: IncomingHttpHeaders, name: string): string {
  const value = headers[name];
  const text = Array.isArray(value) ? value.join(',') : (value ?? '');
  return text.trim().replace(/ +/g, ' ');
}

function signingKey(secret: string, day: string, region: string): Buffer {
  return [day, region, 's3', 'aws4_request'].reduce<Buffer>(
    hmac,
    Buffer.from(`AWS4${secret}`, 'utf8'),
  );
}

const hmac = (key: Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest();
const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
