import { execFile } from 'node:child_process';
import { existsSync, watch, type FSWatcher } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const folders = ['api', 'src', 'workflows', 'activities', 'migrations', 'connectors'];
const quietMs = 150;

/** What an incremental build changed. */
export interface Rebuilt {
  /** Changed files, relative to dist/. */
  readonly changed: readonly string[];
  readonly bundled: boolean;
  readonly milliseconds: number;
}

/**
 * Builds whenever a source file changed and tells what came of it, one build at a time: a change
 * during one leads to another. The build runs in a process of its own, which gives its memory back.
 * Answers how to stop.
 */
export function watchSources(
  root: string,
  {
    onBuilt,
    onFailed,
  }: { onBuilt: (rebuilt: Rebuilt) => Promise<void>; onFailed: (text: string) => void },
): () => void {
  let timer: NodeJS.Timeout | undefined;
  let working = false;
  let changedMeanwhile = false;
  let configurationChanged = false;

  const rebuild = async (): Promise<void> => {
    if (working) {
      changedMeanwhile = true;
      return;
    }
    working = true;
    try {
      const script = join(root, 'bin', 'lib', 'build.mjs');
      const { stdout } = await run(process.execPath, [script, '--json'], { cwd: root });
      const rebuilt = JSON.parse(stdout) as Rebuilt;
      if (rebuilt.changed.length > 0 || rebuilt.bundled || configurationChanged) {
        configurationChanged = false;
        await onBuilt(rebuilt);
      }
    } catch (error) {
      const { stderr, message } = error as Error & { stderr?: string };
      onFailed((stderr ?? '').trim() || message);
    } finally {
      working = false;
    }
    if (changedMeanwhile) {
      changedMeanwhile = false;
      await rebuild();
    }
  };
  const watchers: FSWatcher[] = folders
    .filter((folder) => existsSync(join(root, folder)))
    .map((folder) =>
      watch(join(root, folder), { recursive: true }, () => {
        if (folder === 'connectors') configurationChanged = true;
        clearTimeout(timer);
        timer = setTimeout(() => void rebuild(), quietMs);
      }),
    );
  // A folder that was deleted ends its watcher; the others go on.
  for (const watcher of watchers) watcher.on('error', () => undefined);
  return () => {
    clearTimeout(timer);
    for (const watcher of watchers) watcher.close();
  };
}
