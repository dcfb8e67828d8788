import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { watchSources, type Rebuilt } from '../../src/main/watch-sources';
import { deferred } from '../../src/servers/deferred';

const root = join(__dirname, '..', '..');
let clone: string;
let stop: () => void;

beforeEach(() => {
  clone = mkdtempSync(join(tmpdir(), 'usher-watch-'));
  for (const folder of ['bin', 'src/deep/er', 'connectors'])
    mkdirSync(join(clone, folder), { recursive: true });
  cpSync(join(root, 'bin', 'lib'), join(clone, 'bin', 'lib'), { recursive: true });
  symlinkSync(join(root, 'node_modules'), join(clone, 'node_modules'));
});
afterEach(() => {
  stop();
  rmSync(clone, { recursive: true, force: true });
});

/** Watches, changes a file, and answers what the watcher had to say first. */
async function afterChanging(path: string, content: string): Promise<Rebuilt | string> {
  const { promise, resolve } = deferred<Rebuilt | string>();
  stop = watchSources(clone, {
    onBuilt: (rebuilt) => {
      resolve(rebuilt);
      return Promise.resolve();
    },
    onFailed: resolve,
  });
  writeFileSync(join(clone, path), content);
  return promise;
}

describe('watching the sources', () => {
  it('builds what changed, however deep, and tells', async () => {
    expect(await afterChanging('src/deep/er/a.ts', 'export const a = 1;\n')).toMatchObject({
      changed: ['src/deep/er/a.js'],
    });
  });

  it('tells which file does not compile', async () => {
    expect(await afterChanging('src/a.ts', 'export const = ;\n')).toContain('src/a.ts');
  });

  it('tells of a changed connector, which is not compiled', async () => {
    expect(await afterChanging('connectors/sample.json', '{}')).toMatchObject({ changed: [] });
  });
});
