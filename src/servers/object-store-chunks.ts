import { StoreRefusal } from './object-store-answers';

const lineEnd = Buffer.from('\r\n');
const longestLine = 8_192;

/**
 * The bytes of a body in `aws-chunked` form, which ends in trailers such as a checksum; those are put into `trailers`
 * by lower-case name.
 * @throws StoreRefusal for a body that is not of that form
 */
export async function* chunksOf(
  body: AsyncIterable<Buffer>,
  trailers: Map<string, string>,
): AsyncGenerator<Buffer> {
  const reader = createReader(body);
  for (;;) {
    const head = await reader.line();
    const size = /^([0-9a-fA-F]{1,12})(;.*)?$/.exec(head)?.[1];
    if (size === undefined) throw malformed();
    const bytes = Number.parseInt(size, 16);
    if (bytes === 0) break;
    yield* reader.take(bytes);
    if ((await reader.line()) !== '') throw malformed();
  }
  for (let line = await reader.line(); line !== ''; line = await reader.line()) {
    const [name = '', value = ''] = line.split(/:(.*)/s);
    trailers.set(name.trim().toLowerCase(), value.trim());
  }
}

const malformed = () =>
  new StoreRefusal(400, 'IncompleteBody', 'The body is not in chunks as announced.');

function createReader(body: AsyncIterable<Buffer>) {
  const source = body[Symbol.asyncIterator]();
  let held: Buffer = Buffer.alloc(0);
  const more = async (): Promise<boolean> => {
    const next = await source.next();
    if (next.done) return false;
    held = held.length === 0 ? next.value : Buffer.concat([held, next.value]);
    return true;
  };
  return {
    /** The next line without its end; an empty one where the body ends. */
    async line(): Promise<string> {
      for (;;) {
        const end = held.indexOf(lineEnd);
        if (end >= 0) {
          const line = held.subarray(0, end).toString('latin1');
          held = held.subarray(end + lineEnd.length);
          return line;
        }
        if (held.length > longestLine) throw malformed();
        if (!(await more())) return '';
      }
    },
    /** Exactly so many bytes, as they come. */
    async *take(bytes: number): AsyncGenerator<Buffer> {
      for (let left = bytes; left > 0;) {
        if (held.length === 0 && !(await more())) throw malformed();
        const part = held.subarray(0, left);
        held = held.subarray(part.length);
        left -= part.length;
        yield part;
      }
    },
  };
}
