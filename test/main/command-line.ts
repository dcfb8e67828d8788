import { join } from 'node:path';
import type { CliIo } from '../../src/main/cli/command';
import { commands } from '../../src/main/cli/commands';
import { runCli } from '../../src/main/cli/run';

/** What a call of the command line printed, and its exit code. */
export interface Called {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Calls the command line in this process, as a person would from a terminal. */
export async function usher(
  words: readonly string[],
  given: { env?: NodeJS.ProcessEnv; stdin?: string; root?: string } = {},
): Promise<Called> {
  const [out, err]: [string[], string[]] = [[], []];
  const io: CliIo = {
    out: (line) => void out.push(line),
    err: (line) => void err.push(line),
    env: given.env ?? {},
    root: given.root ?? join(__dirname, '..', '..'),
    readStdin: async () => given.stdin ?? '',
    interactive: false,
  };
  const code = await runCli(words, commands, io);
  return { code, out: out.join('\n'), err: err.join('\n') };
}
