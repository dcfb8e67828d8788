import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { CliIo } from './cli/command';
import { commands } from './cli/commands';
import { runCli } from './cli/run';
import { letTheYoungDie } from './lean-heap';

// From source and from dist/ alike.
function packageRoot(from: string): string {
  if (existsSync(join(from, 'package.json'))) return from;
  const above = dirname(from);
  return above === from ? process.cwd() : packageRoot(above);
}

const io: CliIo = {
  out: (line) => {
    process.stdout.write(`${line}\n`);
  },
  err: (line) => {
    process.stderr.write(`${line}\n`);
  },
  env: process.env,
  root: packageRoot(__dirname),
  readStdin: () => text(process.stdin),
  interactive: process.stdin.isTTY,
};

// A reader such as `head` that has seen enough is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  process.exit(error.code === 'EPIPE' ? 0 : 1);
});

letTheYoungDie();
void runCli(process.argv.slice(2), commands, io).then((code) => {
  process.exitCode = code;
});
