import { createHash } from 'node:crypto';
import { DomainError } from '../errors/problems';
import type { NamedKey } from './config-values';
import { signValue, verifyValue } from './crypto/tokens';
import { isUuid } from './ids';

/** Where a page ended: the time of its last row, exact to the microsecond, and its id. */
export interface Position {
  /** RFC 3339 in UTC with six digits of a second, as `positionOf` selects it. */
  readonly at: string;
  readonly id: string;
}

/** Which rows of a list are wanted: at most `limit` that come after a position. */
export interface Keyset {
  readonly limit: number;
  readonly after: Position | null;
}

/** Rows of one page, and where the next one begins; null on the last page. */
export interface Page<T> {
  readonly items: readonly T[];
  readonly next: Position | null;
}

/** Signs and checks the cursors of all lists. */
export interface Cursors {
  /**
   * Reads the paging part of a list's query.
   * @throws DomainError `cursor-invalid` when it was altered, or made for another list or other filters.
   */
  open(
    list: string,
    filters: object,
    query: { limit: number; cursor?: string | undefined },
  ): Keyset;
  /** The answer of a list, each row mapped, with the cursor of the next page. */
  answer<T, R>(
    list: string,
    filters: object,
    page: Page<T>,
    map: (item: T) => R,
  ): { items: R[]; next_cursor: string | null };
}

const purpose = 'cursor';
const exactTime = /^\d{4,6}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{6}Z$/;

// The order of the fields does not matter, and absent is the same as undefined.
function fingerprint(list: string, filters: object): string {
  const given = Object.entries(filters)
    .filter(([, value]) => value !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1));
  const text = JSON.stringify([list, given]);
  return createHash('sha256').update(text).digest('base64url').slice(0, 16);
}

/**
 * Builds the cursors. The first key signs; all of them are accepted, so that a list that is being read outlives a
 * change of `COOKIE_SECRET`.
 */
export function createCursors(keys: readonly NamedKey[]): Cursors {
  const [active] = keys;
  if (!active) throw new Error('Cursors need a key');

  const read = (text: string): unknown => {
    for (const { key } of keys) {
      const value = verifyValue(key, purpose, text);
      if (value !== undefined) return value;
    }
    return undefined;
  };

  return {
    open(list, filters, { limit, cursor }) {
      if (cursor === undefined) return { limit, after: null };
      const value = read(cursor);
      const [filter, at, id] = Array.isArray(value) ? (value as unknown[]) : [];
      if (
        filter !== fingerprint(list, filters) ||
        typeof at !== 'string' ||
        !exactTime.test(at) ||
        typeof id !== 'string' ||
        !isUuid(id)
      ) {
        throw new DomainError('cursor-invalid');
      }
      return { limit, after: { at, id } };
    },

    answer(list, filters, page, map) {
      const { next } = page;
      return {
        items: page.items.map(map),
        next_cursor: next
          ? signValue(active.key, purpose, [fingerprint(list, filters), next.at, next.id])
          : null,
      };
    },
  };
}

/** SQL that selects a row's position as `position_at`; JavaScript dates end at the millisecond. */
export function positionOf(column: string): string {
  return `to_char(${column} at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as position_at`;
}

/** Parameters of a keyset query: position (time and id, both null on the first page) and the rows to fetch. */
export function keysetParams(keyset: Keyset): [string | null, string | null, number] {
  // One row more than wanted tells whether there is a next page.
  return [keyset.after?.at ?? null, keyset.after?.id ?? null, keyset.limit + 1];
}

/**
 * Cuts what a keyset query fetched to the page that was asked for; the rows lose their `position_at`.
 * @param idOf the id that the query orders by, after the time
 */
export function pageOf<T extends { readonly position_at: string }>(
  rows: readonly T[],
  keyset: Keyset,
  idOf: (row: T) => string,
): Page<Omit<T, 'position_at'>> {
  const shown = rows.slice(0, keyset.limit);
  const last = shown.at(-1);
  const more = rows.length > keyset.limit;
  return {
    items: shown.map(({ position_at: _at, ...row }) => row),
    next: more && last ? { at: last.position_at, id: idOf(last) } : null,
  };
}
