/** A JSON value. */
export type Json = string | number | boolean | null | Json[] | { [key: string]: Json };

/** What a template may stand for and an extract may hold. */
export type Scalar = string | number | boolean;

/** Whether a value may stand in a template. */
export function isScalar(value: unknown): value is Scalar {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';
}

/** Whether a value is a JSON object (no array, no null). */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The keys of a JSON pointer (RFC 6901), unescaped; the empty pointer has none. */
export function pointerKeys(pointer: string): string[] {
  return pointer
    .split('/')
    .slice(1)
    .map((key) => key.replaceAll('~1', '/').replaceAll('~0', '~'));
}

/** The JSON pointer of a path of keys. */
export function pointerOf(keys: readonly PropertyKey[]): string {
  return keys.map((key) => `/${String(key).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
}

/** The value that a JSON pointer names; undefined where there is none. Inherited properties do not count. */
export function valueAt(document: unknown, pointer: string): unknown {
  let value = document;
  for (const key of pointerKeys(pointer)) {
    if (Array.isArray(value)) {
      value = /^(?:0|[1-9]\d{0,8})$/.test(key) ? (value as unknown[])[Number(key)] : undefined;
    } else if (isObject(value) && Object.hasOwn(value, key)) {
      value = value[key];
    } else {
      return undefined;
    }
  }
  return value;
}

/** Whether a value of an answer is the expected one; 42 and "42" are the same, as backends disagree on the type of ids. */
export function sameValue(actual: unknown, expected: Scalar | null): boolean {
  if (actual === expected) return true;
  const idLike = (value: unknown) => typeof value === 'string' || typeof value === 'number';
  return idLike(actual) && idLike(expected) && String(actual) === String(expected);
}

/** A claim of a JWT's payload when it is a scalar; undefined for whatever is no JWT. The signature is not looked at. */
export function claimOf(token: string, claim: string): Scalar | undefined {
  const payload = token.split('.')[1];
  if (payload === undefined || payload === '') return undefined;
  try {
    const bytes = atob(payload.replaceAll('-', '+').replaceAll('_', '/'));
    const text = new TextDecoder().decode(Uint8Array.from(bytes, (char) => char.charCodeAt(0)));
    const value = valueAt(JSON.parse(text), pointerOf([claim]));
    return isScalar(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** JSON with sorted keys and without blanks: the same for equal values. */
export function canonicalJson(value: Json): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (typeof value === 'object' && value !== null) {
    const members = Object.keys(value)
      .sort()
      .map((key) => `${JSON.stringify(key)}:${canonicalJson(value[key] ?? null)}`);
    return `{${members.join(',')}}`;
  }
  return JSON.stringify(value);
}
