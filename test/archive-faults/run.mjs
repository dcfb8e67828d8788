// `npm run test:archive-faults [-- --only PART]`: kills the worker at every step of the archive and has the object
// store fail and lie in every way, then prints what was lost and what cannot be verified.
import { writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { parseArgs } from 'node:util';
import { build } from '../../bin/lib/build.mjs';

const { values } = parseArgs({ options: { only: { type: 'string' } } });
process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED = 'true';
await build();
const require = createRequire(import.meta.url);
require('../support/run-typescript.cjs');
const { runArchiveFaults } = require('./harness.ts');
const result = await runArchiveFaults({ only: values.only });
if (process.env['USHER_TEST_COUNT'])
  writeFileSync(process.env['USHER_TEST_COUNT'], JSON.stringify(result));
process.exit(result.failed === 0 ? 0 : 1);
