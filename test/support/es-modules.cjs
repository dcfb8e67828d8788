const { createTransformer } = require('@swc/jest');

const swc = createTransformer({
  jsc: { target: 'es2022', parser: { syntax: 'ecmascript' } },
  module: { type: 'commonjs' },
});

/**
 * Compiles packages that ship ES modules only. The block around the code lets a module declare a `__dirname` of its
 * own, as ES modules do, beside the one that CommonJS gives every module.
 */
module.exports = {
  ...swc,
  process(source, path, options) {
    const { code } = swc.process(source, path, options);
    return { code: `"use strict";{${code}\n}` };
  },
};
