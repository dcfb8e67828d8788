import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
import { highestCost, mostScopes } from '../src/contracts/verification';
import type { Question } from '../src/domain/api-keys/verifier';
import { normaliseAddress } from '../src/platform/client-addresses';

const uuid = /^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$/;
const product = /^[a-z0-9][a-z0-9._-]{0,62}$/;
const scope = /^[\x21-\x7e]{1,100}$/;

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
        if (typeof value !== 'string' || !uuid.test(value)) return undefined;
        question.tenantId = value.toLowerCase();
        break;
      case 'product':
        if (typeof value !== 'string' || !product.test(value)) return undefined;
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
        if (typeof value !== 'string' || isIP(value) === 0 || value.includes('%')) return undefined;
        question.address = normaliseAddress(value);
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

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

const isScopes = (value: unknown): value is string[] =>
  Array.isArray(value) &&
  value.length <= mostScopes &&
  value.every((one) => typeof one === 'string' && scope.test(one));

const isCost = (value: unknown): value is number =>
  typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= highestCost;

/**
 * Reads the headers of GET. They are taken as they came over the wire: what a parser folds together, such as two
 * Authorization headers, is two opinions here. Undefined when they contradict each other or ask for what cannot be.
 * @param trusted whether X-Real-IP is believed from this peer
 */
export function readHeaders(request: IncomingMessage, trusted: boolean): Question | undefined {
  const { rawHeaders } = request;
  const seen: Seen = { scopes: [] };
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] ?? '';
    const field = fields[name.length]?.[name.toLowerCase()];
    if (field === undefined) continue;
    const value = rawHeaders[at + 1] ?? '';
    if (field === 'scopes') seen.scopes.push(value);
    else if (seen[field] === undefined) seen[field] = value;
    else if (seen[field] !== value) seen.contradicts = true;
  }
  const { bearer: authorization, apiKey, environment, product: wanted, realIp } = seen;
  const bearer = authorization === undefined ? undefined : bearerOf(authorization);
  const key = bearer ?? apiKey;
  const scopes = seen.scopes.flatMap((text) => text.split(/[ ,]+/)).filter((one) => one !== '');
  const isWrong =
    seen.contradicts ??
    ((bearer !== undefined && apiKey !== undefined && bearer !== apiKey) ||
      key === undefined ||
      (environment !== undefined && environment !== 'live' && environment !== 'test') ||
      (wanted !== undefined && !product.test(wanted)) ||
      !isScopes(scopes));
  if (isWrong || key === undefined) return undefined;
  return {
    key,
    cost: 1,
    environment: environment as Question['environment'],
    product: wanted,
    scopes,
    // A proxy that sends what is no address, or two of them, names nobody.
    address: trusted ? normaliseAddress(realIp) : undefined,
  };
}

interface Seen {
  bearer?: string;
  apiKey?: string;
  environment?: string;
  product?: string;
  realIp?: string;
  scopes: string[];
  contradicts?: true;
}

const names: Readonly<Record<string, Exclude<keyof Seen, 'contradicts'>>> = {
  authorization: 'bearer',
  'x-api-key': 'apiKey',
  'x-required-environment': 'environment',
  'x-required-product': 'product',
  'x-required-scopes': 'scopes',
  'x-real-ip': 'realIp',
};

// By length first, so that most headers are passed over without a look at their letters.
const fields: readonly (typeof names | undefined)[] = Object.entries(names).reduce<
  (Record<string, Exclude<keyof Seen, 'contradicts'>> | undefined)[]
>((table, [name, field]) => {
  (table[name.length] ??= {})[name] = field;
  return table;
}, []);

function bearerOf(authorization: string): string {
  // Another scheme holds no key, and is something else than the one beside it.
  return /^bearer +([^ ].*)$/i.exec(authorization)?.[1] ?? '';
}
