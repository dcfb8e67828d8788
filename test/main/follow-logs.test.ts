import { appendFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { followLogs } from '../../src/main/follow-logs';
import { newStateFolder, removeStateFolder } from '../servers/state-folder';

it('shows warnings and errors that are written from now on, each once, in a line', async () => {
  const stateDir = newStateFolder();
  mkdirSync(join(stateDir, 'logs'));
  const log = join(stateDir, 'logs', 'api.log');
  const line = (level: string, msg: string) => `${JSON.stringify({ level, msg })}\n`;
  appendFileSync(log, line('error', 'of yesterday'));
  const shown: string[] = [];
  const stop = followLogs(stateDir, ['api', 'worker'], (text) => shown.push(text));
  appendFileSync(log, line('info', 'a request') + line('warn', 'Größe').slice(0, 20));
  await sleep(500);
  appendFileSync(log, line('warn', 'Größe').slice(20));
  appendFileSync(
    log,
    `${JSON.stringify({ level: 'error', msg: 'It failed', problem: 'internal' })}\n`,
  );
  while (shown.length < 2) await sleep(20);
  stop();
  removeStateFolder(stateDir);
  expect(shown).toEqual(['api: Größe', 'api: It failed (internal)']);
});
