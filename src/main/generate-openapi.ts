import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openApiDocument } from '../../api/openapi';

const file = join('api', 'openapi.json');

/** Writes api/openapi.json from the contracts; with `--check`, only says whether it is current. */
function main(args: readonly string[]): number {
  const before = existsSync(file) ? readFileSync(file, 'utf8') : '';
  const now = `${JSON.stringify(openApiDocument(), null, 2)}\n`;
  if (before === now) {
    console.log(`${file} is current.`);
    return 0;
  }
  if (args.includes('--check')) {
    console.error(`${file} is not what the contracts say. Write it anew: npm run openapi`);
    return 1;
  }
  writeFileSync(file, now);
  console.log(`${file} is written.`);
  return 0;
}

process.exitCode = main(process.argv.slice(2));
