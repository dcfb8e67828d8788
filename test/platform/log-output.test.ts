import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createLogOutput } from '../../src/platform/log-output';
import { waitFor } from '../support/wait-for';

const listeners = new Set(process.listeners('exit'));
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'usher-log-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
  for (const listener of process.listeners('exit')) {
    if (!listeners.has(listener)) process.off('exit', listener);
  }
});

test('lines are written whole and in their order, however many come at once', async () => {
  const file = join(folder, 'log');
  const fd = openSync(file, 'w');
  const output = createLogOutput(fd);
  const lines = Array.from({ length: 5_000 }, (_, n) => `{"n":${String(n)},"word":"für"}\n`);
  for (const [n, line] of lines.entries()) {
    output.write(line);
    if (n % 500 === 0) await sleep(1);
  }
  await waitFor(
    'The last line',
    () => readFileSync(file, 'utf8'),
    (text) => text.endsWith(lines.at(-1) ?? ''),
  );
  expect(readFileSync(file, 'utf8')).toBe(lines.join(''));
  closeSync(fd);
});

test('what cannot be written fails nobody', async () => {
  const file = join(folder, 'log');
  closeSync(openSync(file, 'w'));
  // Opened for reading, so that every write fails.
  const fd = openSync(file, 'r');
  const failures: unknown[] = [];
  const note = (error: unknown): unknown => failures.push(error);
  process.on('uncaughtException', note);
  const output = createLogOutput(fd);
  for (let n = 0; n < 20; n += 1) {
    output.write(`${'x'.repeat(1_000)}\n`);
    await sleep(20);
  }
  process.off('uncaughtException', note);
  expect(failures).toEqual([]);
  // The descriptor stays open: the output goes on trying, and would write into whatever got its number next.
});
