import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { createDirectoryExports } from '../../src/platform/export-store';
import { waitFor } from '../support/wait-for';

let home: string;
const folder = (): string => join(home, 'exports/a');
const put = (text: string, key = 'exports/a/one.gz') =>
  createDirectoryExports(home).put(key, Readable.from([Buffer.from(text)]));

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'exports-'));
});
afterEach(() => {
  rmSync(home, { recursive: true });
});

describe('a directory of exports', () => {
  it('replaces what it has under the same key', async () => {
    await put('first');
    const { location, bytes } = await put('again!');
    expect([location, bytes]).toEqual([`file:${join(folder(), 'one.gz')}`, 6]);
    expect(readdirSync(folder())).toEqual(['one.gz']);
    expect(readFileSync(join(folder(), 'one.gz'), 'utf8')).toBe('again!');
  });

  it('removes what a process that was killed left half written, of the same folder alone', async () => {
    const other = join(home, 'exports/b');
    for (const path of [folder(), other]) {
      mkdirSync(path, { recursive: true });
      writeFileSync(join(path, 'one.gz.0190.part'), 'half');
    }
    await put('whole');
    expect([readdirSync(folder()), readdirSync(other)]).toEqual([['one.gz'], ['one.gz.0190.part']]);
  });

  it('lets the latest of two that write at once count', async () => {
    const slow = new PassThrough();
    const first = createDirectoryExports(home).put('exports/a/one.gz', slow);
    const lost = expect(first).rejects.toMatchObject({ code: 'ENOENT' });
    slow.write('slow');
    await waitFor(
      'The first one writing',
      () => (readdirSync(home).includes('exports') ? readdirSync(folder()) : []),
      (names) => names.length === 1,
    );
    await put('fast');
    slow.end();
    await lost;
    expect(readFileSync(join(folder(), 'one.gz'), 'utf8')).toBe('fast');
    expect(readdirSync(folder())).toEqual(['one.gz']);
  });

  it('leaves nothing of a stream that broke', async () => {
    const broken = Readable.from(
      (function* () {
        yield Buffer.from('half');
        throw new Error('The stream broke');
      })(),
    );
    const failed = createDirectoryExports(home).put('exports/a/one.gz', broken);
    await expect(failed).rejects.toThrow('The stream broke');
    expect(readdirSync(folder())).toEqual([]);
  });
});
