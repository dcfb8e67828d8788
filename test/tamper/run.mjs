// `npm run test:tamper`: tampers with the audit log and its exports in every way, and prints what was found and where.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'usher-tamper-table-'));
const file = join(folder, 'table');
const { status } = spawnSync(
  process.execPath,
  [join(root, 'node_modules', 'jest', 'bin', 'jest.js'), 'test/tamper'],
  { cwd: root, stdio: 'inherit', env: { ...process.env, TAMPER_TABLE: file } },
);
const rows = existsSync(file)
  ? readFileSync(file, 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
  : [];
const cells = rows.map(({ name, kind, at, found }) => [
  name,
  found ? `${found.kind} at ${found.seq}` : 'nothing',
  `${kind} at ${at}`,
]);
const table = [['tampering', 'found first', 'expected'], ...cells];
const widths = [0, 1, 2].map((n) => Math.max(...table.map((row) => row[n].length)));
for (const row of table)
  console.log(
    row
      .map((text, n) => text.padEnd(widths[n]))
      .join('  ')
      .trimEnd(),
  );
rmSync(folder, { recursive: true });
process.exit(status ?? 1);
