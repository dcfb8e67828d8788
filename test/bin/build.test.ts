import { execFile } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const root = join(__dirname, '..', '..');
let clone: string;

interface Built {
  readonly changed: readonly string[];
  readonly bundled: boolean;
}

beforeEach(() => {
  clone = join(mkdtempSync(join(tmpdir(), 'usher-build-')), 'a clone');
  mkdirSync(join(clone, 'bin'), { recursive: true });
  cpSync(join(root, 'bin', 'lib'), join(clone, 'bin', 'lib'), { recursive: true });
  symlinkSync(join(root, 'node_modules'), join(clone, 'node_modules'));
});
afterEach(() => rmSync(dirname(clone), { recursive: true, force: true }));

function write(path: string, content: string): void {
  mkdirSync(dirname(join(clone, path)), { recursive: true });
  writeFileSync(join(clone, path), content);
}

async function build(): Promise<Built> {
  const script = join(clone, 'bin', 'lib', 'build.mjs');
  return JSON.parse((await run(process.execPath, [script, '--json'])).stdout) as Built;
}

const isBuilt = (path: string) => existsSync(join(clone, 'dist', path));

describe('the build', () => {
  it('compiles what changed and nothing else', async () => {
    write('src/a.ts', 'export const a: number = 1;\n');
    write('src/b.ts', "import { a } from './a';\nexport const b = a + 1;\n");
    expect((await build()).changed).toEqual(['src/a.js', 'src/b.js']);
    expect((await build()).changed).toEqual([]);
    write('src/a.ts', 'export const a: number = 41;\n');
    expect((await build()).changed).toEqual(['src/a.js']);
    const { stdout } = await run(process.execPath, ['-p', `require('./dist/src/b.js').b`], {
      cwd: clone,
    });
    expect(stdout).toBe('42\n');
  });

  it('copies files that are not TypeScript, and deletes what has no source any more', async () => {
    write('src/a.ts', 'export const a = 1;\n');
    write('api/pages/style.css', 'p {}\n');
    await build();
    expect(readFileSync(join(clone, 'dist/api/pages/style.css'), 'utf8')).toBe('p {}\n');
    rmSync(join(clone, 'src/a.ts'));
    rmSync(join(clone, 'api/pages/style.css'));
    expect((await build()).changed.toSorted()).toEqual(['api/pages/style.css', 'src/a.js']);
    expect([isBuilt('src/a.js'), isBuilt('src/a.js.map'), isBuilt('api/pages/style.css')]).toEqual([
      false,
      false,
      false,
    ]);
  });

  it('names every file that does not compile, builds the others, and recovers', async () => {
    write('src/a.ts', 'export const a = ;\n');
    write('src/b.ts', 'export const b = (;\n');
    write('src/c.ts', 'export const c = 1;\n');
    await expect(build()).rejects.toMatchObject({
      stderr: expect.stringMatching(/src\/a\.ts[\s\S]*src\/b\.ts/) as string,
    });
    expect(isBuilt('src/c.js')).toBe(true);
    write('src/a.ts', 'export const a = 1;\n');
    write('src/b.ts', 'export const b = 1;\n');
    expect((await build()).changed).toEqual(['src/a.js', 'src/b.js']);
  });

  it('points stacks at the source', async () => {
    write(
      'src/a.ts',
      'type T = string;\n\nexport function fail(text: T): never {\n  throw new Error(text);\n}\n',
    );
    await build();
    const args = [
      '--enable-source-maps',
      '-p',
      `try { require('./dist/src/a.js').fail('x') } catch (e) { e.stack }`,
    ];
    const { stdout } = await run(process.execPath, args, { cwd: clone });
    expect(stdout).toContain(join('src', 'a.ts:4'));
  });

  it('bundles the workflows again only when something that they reach changed', async () => {
    write('workflows/index.ts', "export { greet } from './greet';\n");
    write(
      'workflows/greet.ts',
      "import { word } from '../src/word';\nexport const greet = () => Promise.resolve(word);\n",
    );
    write('src/word.ts', "export const word = 'hello';\n");
    write('src/other.ts', 'export const other = 1;\n');
    expect((await build()).bundled).toBe(true);
    expect(readFileSync(join(clone, 'dist/workflow-bundle.js'), 'utf8')).toContain('hello');
    write('src/other.ts', 'export const other = 2;\n');
    expect(await build()).toMatchObject({ changed: ['src/other.js'], bundled: false });
    write('src/word.ts', "export const word = 'good day';\n");
    expect((await build()).bundled).toBe(true);
    expect(readFileSync(join(clone, 'dist/workflow-bundle.js'), 'utf8')).toContain('good day');
  });

  it('keeps `import()` so that packages of ES modules load', async () => {
    write('src/a.ts', "export const load = () => import('jose');\n");
    await build();
    const script = `require('./dist/src/a.js').load().then((jose) => console.log(typeof jose.jwtVerify))`;
    expect((await run(process.execPath, ['-e', script], { cwd: clone })).stdout).toBe('function\n');
  });
});
