// Lets a plain `node` run our TypeScript as Jest does: compiled file by file in memory, source maps included. Used by
// the programs below test/ that are no test files themselves: the fault harness and the recorder of histories.
const { readFileSync } = require('node:fs');
const Module = require('node:module');
const { transformSync } = require('@swc/core');

process.setSourceMapsEnabled(true);

Module._extensions['.ts'] = (module, filename) => {
  const { code } = transformSync(readFileSync(filename, 'utf8'), {
    filename,
    swcrc: false,
    configFile: false,
    sourceMaps: 'inline',
    jsc: { target: 'es2022', parser: { syntax: 'typescript' } },
    module: { type: 'commonjs' },
  });
  module._compile(code, filename);
};

// Before all others, as in Jest: `./openapi` is openapi.ts, beside which an openapi.json lies.
for (const [extension, load] of Object.entries(Module._extensions)) {
  if (extension === '.ts') continue;
  delete Module._extensions[extension];
  Module._extensions[extension] = load;
}
