import { join } from 'node:path';
import { logEnd, logSince } from '../servers/log-tail';

const everyMs = 400;

interface Line {
  readonly level: string;
  readonly msg: string;
  readonly problem?: string;
}

/**
 * Shows warnings and errors from the programs' logs as they are written, in a line each. Answers
 * how to stop.
 */
export function followLogs(
  stateDir: string,
  names: readonly string[],
  show: (text: string) => void,
): () => void {
  const files = names.map((name) => ({ name, file: join(stateDir, 'logs', `${name}.log`) }));
  const positions = new Map(files.map(({ name, file }) => [name, logEnd(file)]));
  const timer = setInterval(() => {
    for (const { name, file } of files) {
      const from = Math.min(positions.get(name) ?? 0, logEnd(file));
      const text = logSince(file, from);
      const complete = text.slice(0, text.lastIndexOf('\n') + 1);
      positions.set(name, logEnd(file) - Buffer.byteLength(text.slice(complete.length)));
      for (const line of complete.split('\n')) {
        const shown = readable(line);
        if (shown !== null) show(`${name}: ${shown}`);
      }
    }
  }, everyMs);
  return () => clearInterval(timer);
}

function readable(line: string): string | null {
  if (!/"level":"(warn|error|fatal)"/.test(line)) return null;
  try {
    const { msg, problem } = JSON.parse(line) as Line;
    return problem === undefined ? msg : `${msg} (${problem})`;
  } catch {
    return null;
  }
}
