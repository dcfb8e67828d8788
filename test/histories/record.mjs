// `node test/histories/record.mjs [VERSION] [PREFIX]` records the histories of every course that a workflow can take, or
// of those whose names begin with PREFIX, for the replay test: once for each released version, before its workflows change.
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { build } from '../../bin/lib/build.mjs';

await build();
const require = createRequire(import.meta.url);
require('../support/run-typescript.cjs');
const { record } = require('./courses.ts');
const { version } = require('../../package.json');
const folder = fileURLToPath(new URL(`./v${process.argv[2] ?? version}`, import.meta.url));
await record(folder, process.argv[3]);
process.exit(0);
