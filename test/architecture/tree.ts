import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join, relative } from 'node:path';

/** The folder of package.json. */
export const root = join(__dirname, '..', '..');

const notOurs = new Set(['node_modules', 'dist', '.git', '.usher', 'coverage', 'test-results']);

/** Rooms that hold our TypeScript. */
export const rooms = ['api', 'workflows', 'activities', 'src', 'migrations', 'test', 'bench'];

/** Every file of ours below a folder, as a path from the root. */
export function filesIn(folder = '.'): string[] {
  const start = join(root, folder);
  if (!existsSync(start)) return [];
  return readdirSync(start, { withFileTypes: true }).flatMap((entry) => {
    const path = relative(root, join(start, entry.name));
    // In a worktree `.git` is a file.
    if (notOurs.has(entry.name)) return [];
    if (entry.isDirectory()) return filesIn(path);
    return entry.isFile() ? [path] : [];
  });
}

/** TypeScript files of the given rooms, of all when none is given. */
export function sources(...of: string[]): string[] {
  return (of.length > 0 ? of : rooms)
    .flatMap(filesIn)
    .filter((path) => /\.tsx?$/.test(path))
    .sort();
}

/** The text of a file. */
export const read = (path: string): string => readFileSync(join(root, path), 'utf8');

/** Whether the tree has a file or folder of this name. */
export const exists = (path: string): boolean => existsSync(join(root, path));

/** Places where a pattern occurs, as `path:line: text`. */
export function occurrences(paths: readonly string[], pattern: RegExp): string[] {
  return paths.flatMap((path) =>
    read(path)
      .split('\n')
      .flatMap((line, index) =>
        pattern.test(line) ? [`${path}:${index + 1}: ${line.trim().slice(0, 120)}`] : [],
      ),
  );
}
