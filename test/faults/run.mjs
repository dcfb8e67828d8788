// `npm run test:faults [-- --short | --long] [--only PART]`: kills every part of a running system at every boundary of an
// onboarding, has its surroundings misbehave, and prints whether anything was lost or done twice.
import { createRequire } from 'node:module';
import { parseArgs } from 'node:util';
import { build } from '../../bin/lib/build.mjs';

const { values } = parseArgs({
  options: {
    short: { type: 'boolean' },
    long: { type: 'boolean' },
    only: { type: 'string' },
  },
});
await build();
const require = createRequire(import.meta.url);
require('../support/run-typescript.cjs');
const { runFaults } = require('./harness.ts');
const good = await runFaults({ form: values.long ? 'long' : 'short', only: values.only });
process.exit(good ? 0 : 1);
