import fc from 'fast-check';
import { createCursors, pageOf } from '../../src/platform/cursors';
import type { Position } from '../../src/platform/cursors';
import { newId } from '../../src/platform/ids';

const key = { id: 'k1', key: Buffer.alloc(32, 7) };
const cursors = createCursors([key]);

const micros = fc
  .tuple(
    fc.date({ min: new Date(0), max: new Date('2099-12-31'), noInvalidDate: true }),
    fc.nat(999),
  )
  .map(([date, n]) => `${date.toISOString().slice(0, -1)}${String(n).padStart(3, '0')}Z`);
const position = fc.record({ at: micros, id: fc.uuid() });
const filters = fc.dictionary(
  fc.constantFrom('state', 'email', 'slug', 'open'),
  fc.oneof(fc.string(), fc.boolean(), fc.constant(undefined)),
);

const cursorOf = (list: string, filter: object, next: Position): string => {
  const { next_cursor: cursor } = cursors.answer(list, filter, { items: [], next }, (item) => item);
  return cursor!;
};

const refused = (open: () => unknown): void =>
  expect(open).toThrow(expect.objectContaining({ code: 'cursor-invalid' }));

describe('cursors', () => {
  it('lead back to the exact position for the same list and filters, whatever the limit', () => {
    fc.assert(
      fc.property(position, filters, fc.integer({ min: 1, max: 100 }), (next, filter, limit) => {
        const cursor = cursorOf('jobs', filter, next);
        expect(cursor.length).toBeLessThanOrEqual(1000);
        const reordered = Object.fromEntries(Object.entries(filter).reverse());
        expect(cursors.open('jobs', reordered, { limit, cursor })).toEqual({ limit, after: next });
      }),
    );
  });

  it('are refused for another filter or another list', () => {
    fc.assert(
      fc.property(position, filters, filters, (next, a, b) => {
        const given = (filter: object) =>
          JSON.stringify(
            Object.entries(filter)
              .filter(([, value]) => value !== undefined)
              .sort(),
          );
        fc.pre(given(a) !== given(b));
        refused(() => cursors.open('jobs', b, { limit: 1, cursor: cursorOf('jobs', a, next) }));
      }),
    );
    const cursor = cursorOf('jobs', {}, { at: '2026-01-01T00:00:00.000000Z', id: newId() });
    refused(() => cursors.open('invites', {}, { limit: 1, cursor }));
  });

  it('are refused when a single character was altered', () => {
    const cursor = cursorOf('jobs', {}, { at: '2026-01-01T00:00:00.000001Z', id: newId() });
    const valueOf = (text: string) => Buffer.from(text, 'base64url').toString('hex');
    fc.assert(
      fc.property(
        fc.nat(cursor.length - 1),
        fc.constantFrom('A', 'a', '0', '_', '-', '.', 'z'),
        (at, char) => {
          const altered = `${cursor.slice(0, at)}${char}${cursor.slice(at + 1)}`;
          const [body = '', signature = ''] = altered.split('.');
          const [ownBody = '', ownSignature = ''] = cursor.split('.');
          // The last character of base64url has spare bits: only a change of the bytes counts.
          fc.pre(body !== ownBody || valueOf(signature) !== valueOf(ownSignature));
          refused(() => cursors.open('jobs', {}, { limit: 1, cursor: altered }));
        },
      ),
    );
  });

  it('are refused when they are no cursors at all', () => {
    fc.assert(
      fc.property(fc.string(), (text) =>
        refused(() => cursors.open('jobs', {}, { limit: 1, cursor: text })),
      ),
    );
  });

  it('stay valid while the key that signed them is still listed', () => {
    const next = { at: '2026-01-01T00:00:00.123456Z', id: newId() };
    const cursor = cursorOf('jobs', {}, next);
    const rotated = createCursors([{ id: 'k2', key: Buffer.alloc(32, 9) }, key]);
    expect(rotated.open('jobs', {}, { limit: 5, cursor }).after).toEqual(next);
    const dropped = createCursors([{ id: 'k2', key: Buffer.alloc(32, 9) }]);
    refused(() => dropped.open('jobs', {}, { limit: 5, cursor }));
  });

  it('end with the last page', () => {
    const rows = [1, 2, 3].map((n) => ({ id: String(n), position_at: `t${String(n)}` }));
    const page = (limit: number) => pageOf(rows, { limit, after: null }, (row) => row.id);
    expect(page(3).next).toBeNull();
    expect(page(2)).toEqual({ items: [{ id: '1' }, { id: '2' }], next: { at: 't2', id: '2' } });
  });
});
