import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
import { highestCost, mostScopes } from '../src/contracts/verification';
import type { Question } from '../src/domain/api-keys/verifier';
import { normaliseAddress } from '../src/platform/client-addresses';
import { isUuid } from '../src/platform/ids';
import { remembering } from '../src/platform/remembering';

/** Characters of the longest scope, as the contract has it. */
const longestScope = 100;
const product = /^[a-z0-9][a-z0-9._-]{0,62}$/;

/**
 * Reads the body of POST by hand, as `VerifyRequest` of the contracts says (a test compares the two): a schema library
 * costs more than the verification. Undefined for everything that is no such body.
 */
export function readQuestion(text: string): Question | undefined {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof body !== 'object' || body === null || Array.isArray(body)) return undefined;
  const question: Mutable<Question> = { key: '', cost: 1 };
  let hasKey = false;
  const fields = body as Readonly<Record<string, unknown>>;
  for (const name of Object.keys(fields)) {
    const value = fields[name];
    switch (name) {
      case 'key':
        if (typeof value !== 'string') return undefined;
        question.key = value;
        hasKey = true;
        break;
      case 'tenant_id':
        if (typeof value !== 'string' || !isUuid(value)) return undefined;
        question.tenantId = value.toLowerCase();
        break;
      case 'product':
        if (typeof value !== 'string' || !isProduct(value)) return undefined;
        question.product = value;
        break;
      case 'environment':
        if (value !== 'live' && value !== 'test') return undefined;
        question.environment = value;
        break;
      case 'scopes':
        if (!isScopes(value)) return undefined;
        question.scopes = value;
        break;
      case 'ip':
        if (typeof value !== 'string') return undefined;
        question.address = strictAddressOf(value);
        if (question.address === undefined) return undefined;
        break;
      case 'cost':
        if (!isCost(value)) return undefined;
        question.cost = value;
        break;
      default:
        return undefined;
    }
  }
  return hasKey ? question : undefined;
}

const isProduct = remembering((text): boolean => product.test(text));
// An address stands in memory once, so that counters that note it see that it is the one they have.
const addressOf = remembering(normaliseAddress);
const strictAddressOf = remembering((text): string | undefined =>
  isIP(text) === 0 || text.includes('%') ? undefined : addressOf(text),
);

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

function isScope(value: unknown): value is string {
  if (typeof value !== 'string' || value.length === 0 || value.length > longestScope) return false;
  for (let at = 0; at < value.length; at += 1) {
    const code = value.charCodeAt(at);
    if (code < 0x21 || code > 0x7e) return false;
  }
  return true;
}

const isScopes = (value: unknown): value is string[] =>
  Array.isArray(value) && value.length <= mostScopes && value.every(isScope);

const isCost = (value: unknown): value is number =>
  typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= highestCost;

/**
 * Reads the headers of GET. They are taken as they came over the wire: what a parser folds together, such as two
 * Authorization headers, is two opinions here. Undefined when they contradict each other or ask for what cannot be.
 * @param trusted whether X-Real-IP is believed from this peer
 */
export function readHeaders(request: IncomingMessage, trusted: boolean): Question | undefined {
  const { rawHeaders } = request;
  const seen: Seen = { ...nothingSeen };
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const field = fieldOf(rawHeaders[at] ?? '');
    if (field === undefined) continue;
    const value = rawHeaders[at + 1] ?? '';
    const before = seen[field];
    if (before === undefined) seen[field] = value;
    else if (field === 'scopes') seen.scopes = `${before} ${value}`;
    else if (before !== value) return undefined;
  }
  const { authorization, apiKey, environment, product: wanted, realIp } = seen;
  const bearer = authorization === undefined ? undefined : bearerOf(authorization);
  const key = bearer ?? apiKey;
  const scopes = seen.scopes === undefined ? none : scopesOf(seen.scopes);
  if (key === undefined || scopes === null) return undefined;
  if (bearer !== undefined && apiKey !== undefined && bearer !== apiKey) return undefined;
  if (environment !== undefined && environment !== 'live' && environment !== 'test')
    return undefined;
  if (wanted !== undefined && !isProduct(wanted)) return undefined;
  return {
    key,
    cost: 1,
    environment,
    product: wanted,
    scopes,
    // A proxy that sends what is no address, or two of them, names nobody.
    address: trusted && realIp !== undefined ? addressOf(realIp) : undefined,
  };
}

const none: readonly string[] = [];

/** The scopes that a text names; null when it names what can be none, or too many. */
const scopesOf = remembering((text): readonly string[] | null => {
  const scopes = text.split(/[ ,]+/).filter((one) => one !== '');
  return isScopes(scopes) ? scopes : null;
});

type Field = 'authorization' | 'apiKey' | 'environment' | 'product' | 'scopes' | 'realIp';
type Seen = Record<Field, string | undefined>;

const nothingSeen: Readonly<Seen> = {
  authorization: undefined,
  apiKey: undefined,
  environment: undefined,
  product: undefined,
  scopes: undefined,
  realIp: undefined,
};

const names: readonly (readonly [name: string, field: Field])[] = [
  ['Authorization', 'authorization'],
  ['X-Api-Key', 'apiKey'],
  ['X-Required-Environment', 'environment'],
  ['X-Required-Product', 'product'],
  ['X-Required-Scopes', 'scopes'],
  ['X-Real-IP', 'realIp'],
];

interface Known {
  readonly usual: string;
  readonly lower: string;
  readonly field: Field;
}

// By length first, so that most headers are passed over without a look at their letters.
const byLength: readonly (readonly Known[] | undefined)[] = names.reduce<Known[][]>(
  (table, [usual, field]) => {
    (table[usual.length] ??= []).push({ usual, lower: usual.toLowerCase(), field });
    return table;
  },
  [],
);

function fieldOf(name: string): Field | undefined {
  const candidates = byLength[name.length];
  if (candidates === undefined) return undefined;
  for (const { usual, lower, field } of candidates)
    if (name === usual || name === lower || name.toLowerCase() === lower) return field;
  return undefined;
}

const usualScheme = 'Bearer ';

function bearerOf(authorization: string): string {
  // As nearly everybody writes it.
  if (authorization.startsWith(usualScheme) && authorization.charCodeAt(usualScheme.length) > 32)
    return authorization.slice(usualScheme.length);
  // Another scheme holds no key, and is something else than the one beside it.
  return /^bearer +([^ ].*)$/i.exec(authorization)?.[1] ?? '';
}
