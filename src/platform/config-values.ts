import { z } from 'zod';
import { parseRange } from './client-addresses';

/** A secret of the configuration; prints as `[secret]` wherever it is logged or serialised. */
export interface Secret {
  reveal(): string;
  toString(): string;
  toJSON(): string;
}

/** Wraps a secret so that it is only shown where it is asked for. */
export function secretOf(value: string): Secret {
  return {
    reveal: () => value,
    toString: () => '[secret]',
    toJSON: () => '[secret]',
    [Symbol.for('nodejs.util.inspect.custom')]: () => '[secret]',
  };
}

/** `points` requests per `seconds`, or off. */
export interface RateLimit {
  readonly points: number;
  readonly seconds: number;
}

/** An identity provider whose people or tokens are accepted. */
export interface OidcIssuer {
  readonly name: string;
  readonly issuer: string;
  readonly client_id?: string | undefined;
  readonly client_secret?: string | undefined;
  readonly audiences: Readonly<Record<string, 'operator' | 'partner' | 'customer'>>;
  readonly groups_claim: string;
  readonly roles: Readonly<Record<string, string>>;
  readonly authoritative_domains: readonly string[];
}

/** A named pepper, KEK or signing key; the first of a list is for what is new, the others for what is there. */
export interface NamedKey {
  readonly id: string;
  readonly key: Buffer;
}

/** `on` or `off`. */
export const onOff = z.enum(['on', 'off']).transform((value) => value === 'on');
/** `true` or `false`; `on` and `off` mean the same. */
export const yesNo = z
  .enum(['true', 'false', 'on', 'off'])
  .transform((value) => value === 'true' || value === 'on');
/** A whole number within bounds. */
export const whole = (min: number, max: number) => z.coerce.number().int().min(min).max(max);
/** Parts by comma. */
export const list = z.string().transform((text) =>
  text
    .split(',')
    .map((part) => part.trim())
    .filter(Boolean),
);
/** Addresses and CIDR ranges by comma. */
export const ranges = list.refine(
  (parts) => parts.every((part) => parseRange(part) !== undefined),
  'must be addresses or CIDR ranges by comma, e.g. `10.0.0.0/8,::1`',
);
/** Addresses and CIDR ranges of proxies by comma: all that a proxy says of its callers is believed. */
export const proxies = ranges.refine(
  (parts) => parts.every((part) => parseRange(part)?.bits !== 0),
  'must not hold everybody',
);
/** `[host]:port`. */
export const address = z.string().transform((text, context) => {
  const match = /^(?<host>[^:]*|\[[0-9a-fA-F:]+\]):(?<port>\d{1,5})$/.exec(text);
  const port = Number(match?.groups?.['port']);
  if (!match || port > 65_535) {
    context.addIssue({
      code: 'custom',
      message: 'must be `[host]:port`, e.g. `:8090` or `127.0.0.1:8090`',
    });
    return z.NEVER;
  }
  const host = (match.groups?.['host'] ?? '').replace(/^\[|\]$/g, '');
  return { host: host === '' ? undefined : host, port };
});
/** `points/seconds`, or `off` for null. */
export const rate = z.string().transform((text, context): RateLimit | null => {
  if (text === 'off') return null;
  const match = /^(\d+)\/(\d+)$/.exec(text);
  const [points, seconds] = [Number(match?.[1]), Number(match?.[2])];
  if (!match || points < 1 || seconds < 1) {
    context.addIssue({
      code: 'custom',
      message: 'must be `points/seconds` such as `10/60`, or `off`',
    });
    return z.NEVER;
  }
  return { points, seconds };
});
/** A secret that must not be empty. */
export const secret = z.string().min(1).transform(secretOf);
/** A secret that may be left empty. */
export const optionalSecret = z
  .string()
  .transform((text) => (text === '' ? undefined : secretOf(text)));
/** Named keys `id:base64` by comma, of exactly or at least so many bytes. */
export const keyList = (bytes: number, exact: boolean) =>
  z.string().transform((text, context): readonly NamedKey[] => {
    const keys = text.split(',').map((part, index) => {
      const at = part.indexOf(':');
      const id = at < 0 ? `k${String(index + 1)}` : part.slice(0, at).trim();
      return { id, key: Buffer.from(part.slice(at + 1).trim(), 'base64') };
    });
    const short = keys.some(({ key }) => (exact ? key.length !== bytes : key.length < bytes));
    if (
      short ||
      new Set(keys.map(({ id }) => id)).size !== keys.length ||
      keys.some(({ id }) => !/^[\w.-]{1,40}$/.test(id))
    ) {
      context.addIssue({
        code: 'custom',
        message: `must be \`id:base64\` by comma with ${exact ? 'exactly' : 'at least'} ${String(bytes)} bytes each and ids that differ (make one: openssl rand -base64 ${String(bytes)})`,
      });
      return z.NEVER;
    }
    return keys;
  });
/** Identity providers as JSON. */
export const oidcIssuers = z
  .string()
  .transform((text, context) => {
    try {
      return JSON.parse(text) as unknown;
    } catch {
      context.addIssue({ code: 'custom', message: 'must be JSON' });
      return z.NEVER;
    }
  })
  .pipe(
    z.array(
      z.strictObject({
        name: z.string().regex(/^[a-z0-9-]{1,40}$/),
        issuer: z.url(),
        client_id: z.string().optional(),
        client_secret: z.string().optional(),
        audiences: z.record(z.string(), z.enum(['operator', 'partner', 'customer'])),
        groups_claim: z.string().default('groups'),
        roles: z.record(z.string(), z.string()).default({}),
        authoritative_domains: z.array(z.string()).default([]),
      }),
    ),
  );
/**
 * Longest lease, in milliseconds. Orders that end a key answer a lease later, and the command line and the proxy of
 * `deploy/nginx` give up after 30 s.
 */
export const mostLeaseMs = 10_000;
/** Positive numbers by comma. */
export const durations = (unit: string, example: string) =>
  list.transform((parts, context) => {
    const numbers = parts.map(Number);
    if (numbers.some((n) => !Number.isFinite(n) || n <= 0)) {
      context.addIssue({
        code: 'custom',
        message: `must be ${unit} by comma, e.g. \`${example}\``,
      });
      return z.NEVER;
    }
    return numbers;
  });
