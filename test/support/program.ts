import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

/** A program of Usher as it runs in production: compiled, in a process of its own. */
export interface Program {
  readonly pid: number;
  /** Everything that it has printed so far. */
  output(): string;
  /** Where it listens, once it says so; fails with its output when it ends before. */
  ready(): Promise<string>;
  /** Its exit code, or the signal that ended it. */
  readonly ended: Promise<number | NodeJS.Signals | null>;
  signal(name: NodeJS.Signals): void;
}

const root = join(__dirname, '..', '..');

/**
 * Starts a compiled program with nothing in its environment but what is given; `buildSources` comes first. A test
 * that started one ends it: by a signal, and awaits `ended`.
 */
export function startProgram(
  name: 'api' | 'worker' | 'migrate',
  env: Readonly<Record<string, string>>,
  options: { /** A file that it prints to instead. */ readonly stdout?: number } = {},
): Program {
  const child = spawn(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', join(root, 'dist', 'src', 'main', `${name}.js`)],
    {
      cwd: root,
      env: { PATH: process.env['PATH'] ?? '', ...env },
      stdio: ['ignore', options.stdout ?? 'pipe', 'pipe', 'ipc'],
    },
  );
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (text: string) => (output += text));
  }
  let url: string | undefined;
  child.on('message', (message) => ({ url } = message as { url: string }));
  const ended = once(child, 'close').then(
    ([code, signal]) => (code ?? signal) as number | NodeJS.Signals | null,
  );
  return {
    pid: child.pid ?? 0,
    output: () => output,
    async ready() {
      const first = await Promise.race([once(child, 'message'), ended.then(() => undefined)]);
      if (!first || url === undefined) throw new Error(`The ${name} ended:\n${output}`);
      return url;
    },
    ended,
    signal: (signal) => void child.kill(signal),
  };
}
