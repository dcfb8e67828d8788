import type { Call, OutboundResult } from '../../contracts/connectors';
import { wellFormed } from '../../platform/well-formed.rules';
import type { TemplateContext } from './connectors-templates.rules';
import { isObject, pointerKeys } from './connectors-values.rules';
import type { Json } from './connectors-values.rules';

/** What stands where something was taken out; needs no escape in a URL, a header or JSON. */
export const mask = '***';

const maxText = 4_000;
const maxString = 1_000;
const maxItems = 50;
const maxValues = 500;
const maxCharacters = 16_000;
const maxDepth = 12;
const shortestFragment = 16;
const gram = 8;

/** Values that must not survive in anything stored or logged. */
export interface Hidden {
  /** Secrets and e-mail addresses, in every spelling in which a backend may echo them; the longest first. */
  readonly values: readonly string[];
  /** The secrets among them of which no piece of 16 characters may survive either: error texts like to quote the start of a token. */
  readonly fragmented: readonly string[];
  /** The secrets as they are; no extract may hold one. */
  readonly secrets: readonly string[];
}

/** Collects what a call must not leave behind: its own key, the customer's token and e-mail address. */
export function hiddenOf(authSecret: string | undefined, context: TemplateContext): Hidden {
  const long = (value: string | null | undefined) => (value && value.length >= 4 ? [value] : []);
  const secrets = [...long(authSecret), ...long(context.secret.wb_token)];
  const spelt = secrets.flatMap(spellings);
  const values = new Set([...spelt, ...long(context.input.owner_email).flatMap(spellings)]);
  return {
    values: [...values].sort((a, b) => b.length - a.length),
    fragmented: [...new Set(spelt)].filter((value) => value.length > shortestFragment),
    secrets,
  };
}

function spellings(value: string): string[] {
  return [value, uriEncoded(value), JSON.stringify(value).slice(1, -1)];
}

/** Percent-encodes a value for one part of a URL; half a surrogate pair becomes U+FFFD. */
export function uriEncoded(value: string): string {
  return encodeURIComponent(wellFormed(value));
}

const jwtLike = /eyJ[\w-]{8,}(?:\.[\w-]*){0,2}/g;
const authorization = /\b(bearer|basic)(\s+|%20)(?=[a-z.~+/=_-]*\d)[\w.~+/=-]{8,}/gi;
// Before the @ everything that a local part may hold without quotes; in an address of the web it is percent-encoded.
const address = /[^\s@"<>()[\]\\,:;]{1,64}@[^\s@"'<>()[\]{}\\,:;|/?&=#]{1,255}/g;
const encodedAddress = /[\w%!'*~.-]{1,64}%40[\w%~.-]{1,255}/gi;

/** A text without hidden values, pieces of them, tokens and e-mail addresses. */
export function scrubText(text: string, hidden: Hidden): string {
  let clean = text;
  for (const value of hidden.values) clean = clean.replaceAll(value, mask);
  // Whole tokens of any owner go before pieces of ours: their common start would leave the rest unrecognised.
  clean = clean.replace(jwtLike, mask).replace(authorization, `$1$2${mask}`);
  for (const secret of hidden.fragmented) clean = withoutFragments(clean, secret);
  if (clean.includes('@')) clean = clean.replace(address, mask);
  return clean.includes('%40') ? clean.replace(encodedAddress, mask) : clean;
}

/** Whether a text is a secret, or holds one or a piece of one; a short secret may be part of a word by chance. */
export function holdsSecret(text: string, { secrets }: Hidden): boolean {
  return secrets.some(
    (secret) =>
      text === secret ||
      (secret.length >= 12 && text.includes(secret)) ||
      withoutFragments(text, secret) !== text,
  );
}

// Any shared run of 16 characters covers a block of 8 that starts at a multiple of 8, so only those are looked up.
function withoutFragments(text: string, secret: string): string {
  let clean = '';
  let kept = 0;
  for (let at = 0; at + gram <= text.length; at += gram) {
    if (at < kept) continue;
    const run = longestRun(text, at, kept, secret);
    if (run === undefined) continue;
    clean += text.slice(kept, run.start) + mask;
    kept = run.end;
  }
  return kept === 0 ? text : clean + text.slice(kept);
}

function longestRun(text: string, at: number, from: number, secret: string) {
  const block = text.slice(at, at + gram);
  let best: { start: number; end: number } | undefined;
  let found = secret.indexOf(block);
  // A token of one repeated letter has the block everywhere: the bound keeps that from taking minutes.
  for (let tries = 0; found !== -1 && tries < 16; tries += 1) {
    let before = 0;
    while (
      at - before > from &&
      found - before > 0 &&
      text[at - before - 1] === secret[found - before - 1]
    ) {
      before += 1;
    }
    let after = gram;
    while (
      at + after < text.length &&
      found + after < secret.length &&
      text[at + after] === secret[found + after]
    ) {
      after += 1;
    }
    if (before + after >= shortestFragment && before + after > (best ? best.end - best.start : 0)) {
      best = { start: at - before, end: at + after };
    }
    found = secret.indexOf(block, found + 1);
  }
  return best;
}

const secretName =
  /(?:^|[_-])(?:token|jwt|secret|passw(?:or)?d|pwd|api[_-]?key|authorization|credential)s?$/i;

interface Walk {
  readonly hidden: Hidden;
  readonly redact: readonly string[][];
  readonly keep: readonly string[][] | undefined;
  values: number;
  characters: number;
}

/** A JSON value as it may be stored: scrubbed, without what `redact` names or beyond `keep`, and of bounded size. */
export function scrubJson(
  value: unknown,
  hidden: Hidden,
  places: { redact?: readonly string[]; keep?: readonly string[] | undefined } = {},
): Json {
  const walk: Walk = {
    hidden,
    redact: (places.redact ?? []).map(pointerKeys),
    keep: places.keep?.map(pointerKeys),
    values: maxValues,
    characters: maxCharacters,
  };
  return scrubbed(value, [], false, walk);
}

function scrubbed(value: unknown, path: string[], secret: boolean, walk: Walk): Json {
  if (walk.redact.some((place) => isPlace(place, path))) return mask;
  const within = walk.keep === undefined || walk.keep.some((place) => leadsTo(place, path));
  if (!within) return mask;
  if (walk.values <= 0 || walk.characters <= 0 || path.length > maxDepth) return '[cut]';
  walk.values -= 1;
  if (Array.isArray(value)) {
    const items = value
      .slice(0, maxItems)
      .map((item, index) => scrubbed(item, [...path, String(index)], secret, walk));
    return value.length > maxItems ? [...items, `[${value.length - maxItems} more]`] : items;
  }
  if (isObject(value)) {
    const members = Object.entries(value)
      .slice(0, maxItems)
      .map(([key, member]): [string, Json] => {
        const named = secret || secretName.test(key);
        return [
          spent(scrubText(key.slice(0, maxString), walk.hidden), walk),
          scrubbed(member, [...path, key], named, walk),
        ];
      });
    return Object.fromEntries(members);
  }
  if (typeof value === 'string') {
    return secret
      ? mask
      : spent(cut(scrubText(value.slice(0, maxText), walk.hidden), maxString), walk);
  }
  if (typeof value === 'number') return scrubbedNumber(value, walk.hidden);
  return typeof value === 'boolean' ? value : null;
}

function spent(text: string, walk: Walk): string {
  walk.characters -= text.length;
  return text;
}

function scrubbedNumber(value: number, hidden: Hidden): Json {
  const text = String(value);
  return scrubText(text, hidden) === text ? value : mask;
}

function cut(text: string, max: number): string {
  return text.length > max ? `${text.slice(0, max)}[cut]` : text;
}

const sameKey = (place: string, key: string) => place === '*' || place === key;

function isPlace(place: readonly string[], path: readonly string[]): boolean {
  return (
    place.length === path.length && place.every((key, index) => sameKey(key, path[index] ?? ''))
  );
}

// A kept place keeps what is above it, as its frame, and everything below it.
function leadsTo(place: readonly string[], path: readonly string[]): boolean {
  const shared = Math.min(place.length, path.length);
  return place.slice(0, shared).every((key, index) => sameKey(key, path[index] ?? ''));
}

/** An answer as `step_attempts` may hold it. */
export type StoredAnswer =
  | { readonly status: number; readonly headers: Record<string, string>; readonly body?: Json }
  | { readonly failure: string; readonly phase: string };

const storedHeaders = ['content-type', 'retry-after', 'date', 'server', 'x-request-id', 'location'];

/** What is kept of an answer: few headers and the redacted body; a body that is no JSON only when nothing is to be redacted. */
export function redactAnswer(
  call: Pick<Call, 'redact' | 'keep'>,
  result: OutboundResult,
  hidden: Hidden,
): StoredAnswer {
  if (result.kind === 'failure') return { failure: result.reason, phase: result.phase };
  const headers = Object.fromEntries(
    storedHeaders.flatMap((name) => {
      const value = result.headers[name];
      return value === undefined
        ? []
        : [[name, cut(scrubText(value.slice(0, maxText), hidden), maxString)]];
    }),
  );
  return { status: result.status, headers, ...storedBody(call, result, hidden) };
}

function storedBody(
  call: Pick<Call, 'redact' | 'keep'>,
  result: Extract<OutboundResult, { kind: 'response' }>,
  hidden: Hidden,
): { body?: Json } {
  if (result.json !== undefined) {
    return { body: scrubJson(result.json, hidden, call) };
  }
  if (result.text === '') return {};
  // In a text the named places cannot be found, so nothing of it is kept.
  if (call.redact.length > 0 || call.keep !== undefined) return { body: mask };
  return { body: cut(scrubText(result.text.slice(0, maxText), hidden), maxString) };
}
