import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startPostgres } from '../servers/postgres';
import { dumpSchema } from './dump-schema';
import { migrateDown, migrateUp } from './migrate';

const schemaFile = join('migrations', 'schema.sql');

/** What is wrong with the migrations, in sentences; none when all is well. */
export async function migrationMistakes(ownerUrl: string): Promise<string[]> {
  const empty = await dumpSchema(ownerUrl);
  await migrateUp(ownerUrl);
  const first = await dumpSchema(ownerUrl);
  await migrateDown(ownerUrl);
  const undone = await dumpSchema(ownerUrl);
  await migrateUp(ownerUrl);
  const second = await dumpSchema(ownerUrl);

  const mistakes = [
    difference('Down does not undo what up did: it leaves', empty, undone),
    difference('Up after down makes another schema than up alone:', first, second),
  ];
  const committed = existsSync(schemaFile) ? readFileSync(schemaFile, 'utf8') : '';
  mistakes.push(
    difference(`${schemaFile} is not current (npm run schema:dump writes it):`, committed, second),
  );
  return mistakes.filter((mistake) => mistake !== undefined);
}

/** The lines that only one of two texts has; undefined when they are the same. */
function difference(what: string, before: string, after: string): string | undefined {
  if (before === after) return undefined;
  const [old, now] = [before.split('\n'), after.split('\n')];
  const lost = old.filter((line) => !now.includes(line)).map((line) => `  - ${line}`);
  const added = now.filter((line) => !old.includes(line)).map((line) => `  + ${line}`);
  return [what, ...[...lost, ...added].slice(0, 60)].join('\n');
}

/** Runs up, down and up again on a PostgreSQL of its own; with `--write`, writes the schema instead of comparing it. */
async function main(args: readonly string[]): Promise<number> {
  const stateDir = mkdtempSync(join(tmpdir(), 'usher-migrations-'));
  // As root, PostgreSQL runs as another user, who has to reach its data.
  chmodSync(stateDir, 0o755);
  const postgres = await startPostgres({ stateDir, tuning: 'test' });
  try {
    if (args.includes('--write')) {
      await migrateUp(postgres.ownerUrl);
      writeFileSync(schemaFile, await dumpSchema(postgres.ownerUrl));
      console.log(`${schemaFile} is written.`);
      return 0;
    }
    const mistakes = await migrationMistakes(postgres.ownerUrl);
    for (const mistake of mistakes) console.error(`${mistake}\n`);
    return mistakes.length === 0 ? 0 : 1;
  } finally {
    await postgres.stop();
    rmSync(stateDir, { recursive: true, force: true });
  }
}

if (require.main === module) {
  main(process.argv.slice(2)).then(
    (code) => (process.exitCode = code),
    (error: unknown) => {
      console.error(error instanceof Error ? error.message : error);
      process.exitCode = 1;
    },
  );
}
