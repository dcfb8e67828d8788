// `npm run test:faults [-- --short | --long] [--only PART] [--seed N]`: kills every part of a running system at every
// boundary of an onboarding, has its surroundings misbehave, and prints whether anything was lost or done twice.
import { writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { parseArgs } from 'node:util';
import { build } from '../../bin/lib/build.mjs';

const { values } = parseArgs({
  options: {
    short: { type: 'boolean' },
    long: { type: 'boolean' },
    only: { type: 'string' },
    seed: { type: 'string' },
  },
});
await build();
const require = createRequire(import.meta.url);
require('../support/run-typescript.cjs');
const { runFaults } = require('./harness.ts');
// The keeper never holds its parent's event loop, and nothing else does while the last parts are killed.
const awake = setInterval(() => undefined, 60_000);
const result = await runFaults({
  form: values.long ? 'long' : 'short',
  only: values.only,
  seed: Number(values.seed ?? Math.floor(Math.random() * 1_000_000)),
});
clearInterval(awake);
if (process.env['USHER_TEST_COUNT'])
  writeFileSync(process.env['USHER_TEST_COUNT'], JSON.stringify(result));
process.exit(result.failed === 0 ? 0 : 1);
