// Compiles the TypeScript rooms to dist/ (CommonJS, source maps) and bundles the workflows, each
// only when its inputs changed. No type check here: that is `npm run typecheck`. Every file is
// written atomically, so that two builds at once do no harm.
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, extname, join, relative, sep } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url)).replace(/[/\\]$/, '');
const dist = join(root, 'dist');
const manifestFile = join(dist, '.build.json');
const bundleFile = join(dist, 'workflow-bundle.js');
const verifierFile = join(dist, 'audit-verify.mjs');
const rooms = ['api', 'src', 'workflows', 'activities', 'migrations', 'bench'];
/** Built by its own tool, for the browser. */
const elsewhere = [join('api', 'console')];
const require = createRequire(import.meta.url);

const swcOptions = {
  jsc: {
    parser: { syntax: 'typescript' },
    target: 'es2023',
    keepClassNames: true,
  },
  // `import()` stays what it is, so that ESM-only packages can be loaded lazily.
  module: { type: 'commonjs', ignoreDynamic: true, exportInteropAnnotation: true },
  sourceMaps: true,
};

const digest = (...parts) => {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part).update('\0');
  return hash.digest('hex');
};

function writeAtomically(file, content) {
  mkdirSync(dirname(file), { recursive: true });
  const temporary = `${file}.${process.pid}.tmp`;
  writeFileSync(temporary, content);
  renameSync(temporary, file);
}

function* sourcesIn(folder) {
  const entries = readdirSync(join(root, folder), { withFileTypes: true });
  for (const entry of entries) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) {
      if (entry.name !== 'node_modules' && !elsewhere.includes(path)) yield* sourcesIn(path);
    } else if (entry.isFile() && !entry.name.endsWith('.d.ts') && !entry.name.endsWith('.tmp')) {
      yield path;
    }
  }
}

const isScript = (path) => ['.ts', '.mts', '.cts'].includes(extname(path));
const outputOf = (path) => (isScript(path) ? path.replace(/\.[mc]?ts$/, '.js') : path);

function readManifest(recipe) {
  try {
    const manifest = JSON.parse(readFileSync(manifestFile, 'utf8'));
    if (manifest.recipe === recipe) return manifest;
  } catch {
    // No manifest, or one cut short: everything is built anew.
  }
  return { recipe, files: {}, bundle: null, verifier: null };
}

function compile(path, source) {
  if (!isScript(path)) return new Map([[path, source]]);
  const { transformSync } = require('@swc/core');
  const output = outputOf(path);
  const filename = join(root, path);
  const { code, map } = transformSync(source.toString('utf8'), {
    ...swcOptions,
    filename,
    sourceFileName: relative(dirname(join(dist, output)), filename),
    swcrc: false,
    configFile: false,
  });
  const pointer = `//# sourceMappingURL=${output.slice(output.lastIndexOf(sep) + 1)}.map\n`;
  const js = code.replace(/\/\/# sourceMappingURL=.*\n?$/, '');
  return new Map([
    [output, `${js.endsWith('\n') ? js : `${js}\n`}${pointer}`],
    [`${output}.map`, map],
  ]);
}

/**
 * Compiled files that the workflow bundle is made of: what dist/workflows reaches by relative
 * `require`.
 */
function bundleInputs(entries) {
  const seen = new Set();
  const queue = entries.filter((file) => existsSync(file));
  for (let file = queue.pop(); file !== undefined; file = queue.pop()) {
    if (seen.has(file)) continue;
    seen.add(file);
    if (!file.endsWith('.js')) continue;
    for (const [, target] of readFileSync(file, 'utf8').matchAll(
      /require\("(\.{1,2}\/[^"]+)"\)/g,
    )) {
      const path = join(dirname(file), target);
      const found = [path, `${path}.js`, `${path}.json`, join(path, 'index.js')].find(
        (candidate) => existsSync(candidate) && statSync(candidate).isFile(),
      );
      if (found) queue.push(found);
    }
  }
  return [...seen].sort();
}

async function bundleWorkflows(manifest) {
  const workflowsPath = join(dist, 'workflows', 'index.js');
  const interceptors = join(dist, 'workflows', 'interceptors.js');
  if (!existsSync(workflowsPath)) return false;
  const workflowInterceptorModules = existsSync(interceptors) ? [interceptors] : [];
  const inputs = bundleInputs([workflowsPath, ...workflowInterceptorModules]);
  const version = readFileSync(require.resolve('@temporalio/worker/package.json'), 'utf8');
  const hash = digest(
    version,
    ...inputs.flatMap((file) => [relative(dist, file), readFileSync(file)]),
  );
  if (manifest.bundle === hash && existsSync(bundleFile)) return false;
  const { bundleWorkflowCode, DefaultLogger } = require('@temporalio/worker');
  const logger = new DefaultLogger('ERROR', ({ message }) => console.error(message));
  const { code } = await bundleWorkflowCode({ workflowsPath, workflowInterceptorModules, logger });
  writeAtomically(bundleFile, code);
  manifest.bundle = hash;
  return true;
}

/**
 * Puts the verifier of audit exports into one file that needs nothing but Node: each compiled module
 * as a function, under its name, in the order of their paths.
 */
function bundleVerifier(manifest) {
  const entry = join(dist, 'src', 'main', 'audit-verify.js');
  if (!existsSync(entry)) return false;
  const inputs = bundleInputs([entry]);
  const hash = digest(...inputs.flatMap((file) => [relative(dist, file), readFileSync(file)]));
  if (manifest.verifier === hash && existsSync(verifierFile)) return false;
  const nameOf = (file) => relative(dist, file).split(sep).join('/');
  const modules = inputs.map((file) => {
    const code = readFileSync(file, 'utf8')
      .replace(/\n?\/\/# sourceMappingURL=.*\n?$/, '\n')
      .replace(/require\("(\.{1,2}\/[^"]+)"\)/g, (_, target) => {
        const path = join(dirname(file), target);
        return `require(${JSON.stringify(nameOf(path.endsWith('.js') ? path : `${path}.js`))})`;
      });
    return `modules[${JSON.stringify(nameOf(file))}] = (exports, require) => {\n${code}};\n`;
  });
  writeAtomically(
    verifierFile,
    `#!/usr/bin/env node
// Checks exports and proofs of Usher's audit log: node audit-verify.mjs --help
// Made from src/main/audit-verify.ts and what it imports; needs Node 20.19 or newer and nothing else.
import { createRequire } from 'node:module';

const builtin = createRequire(import.meta.url);
const modules = {};
const loaded = {};
const load = (name) => {
  if (!(name in modules)) return builtin(name);
  if (!(name in loaded)) modules[name]((loaded[name] = {}), load);
  return loaded[name];
};

${modules.join('\n')}
process.exitCode = await load(${JSON.stringify(nameOf(entry))}).main(process.argv.slice(2));
`,
  );
  manifest.verifier = hash;
  return true;
}

/**
 * Brings dist/ up to date. Answers the outputs that changed; throws an Error that lists every file
 * that does not compile (the others are written nevertheless).
 */
export async function build() {
  const started = performance.now();
  const recipe = digest(
    readFileSync(fileURLToPath(import.meta.url)),
    existsSync(join(root, 'package-lock.json'))
      ? readFileSync(join(root, 'package-lock.json'))
      : '',
  );
  const manifest = readManifest(recipe);
  const files = {};
  const changed = [];
  const failures = [];
  for (const room of rooms.filter((name) => existsSync(join(root, name)))) {
    for (const path of sourcesIn(room)) {
      let stat;
      let source;
      const before = manifest.files[path];
      const outputThere = existsSync(join(dist, outputOf(path)));
      try {
        stat = statSync(join(root, path));
        if (before && outputThere && before.mtime === stat.mtimeMs && before.size === stat.size) {
          files[path] = before;
          continue;
        }
        source = readFileSync(join(root, path));
      } catch (error) {
        // Deleted or renamed since the folder was read (an editor's swap file).
        if (error.code === 'ENOENT') continue;
        throw error;
      }
      const entry = { mtime: stat.mtimeMs, size: stat.size, hash: digest(source) };
      if (!before || !outputThere || before.hash !== entry.hash) {
        try {
          for (const [output, content] of compile(path, source))
            writeAtomically(join(dist, output), content);
          changed.push(outputOf(path));
        } catch (error) {
          // Below that line SWC prints where in itself it failed.
          failures.push(`${path}: ${error.message.split('\n\nCaused by:')[0].trimEnd()}`);
          files[path] = { mtime: 0, size: -1, hash: '' };
          continue;
        }
      }
      files[path] = entry;
    }
  }
  for (const path of Object.keys(manifest.files)) {
    if (existsSync(join(root, path)) && rooms.includes(path.split(sep)[0])) continue;
    rmSync(join(dist, outputOf(path)), { force: true });
    rmSync(join(dist, `${outputOf(path)}.map`), { force: true });
    changed.push(outputOf(path));
  }
  manifest.files = files;
  let bundled = false;
  if (failures.length === 0) {
    try {
      bundled = await bundleWorkflows(manifest);
      if (bundleVerifier(manifest)) changed.push('audit-verify.mjs');
    } catch (error) {
      failures.push(`workflow bundle: ${error.message}`);
    }
  }
  if (changed.length > 0 || bundled || failures.length > 0 || !existsSync(manifestFile)) {
    writeAtomically(manifestFile, JSON.stringify(manifest));
  }
  if (failures.length > 0) throw new Error(`The build failed.\n${failures.join('\n')}`);
  return { changed, bundled, milliseconds: performance.now() - started };
}

if (process.argv[1] && import.meta.url === pathToFileURL(realpathSync(process.argv[1])).href) {
  try {
    const result = await build();
    if (process.argv.includes('--json')) console.log(JSON.stringify(result));
    else {
      const bundle = result.bundled ? ', workflow bundle made' : '';
      console.log(
        `${result.changed.length} files built${bundle} in ${Math.round(result.milliseconds)} ms`,
      );
    }
  } catch (error) {
    console.error(error.message);
    process.exitCode = 1;
  }
}
