import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { lockHolder, takePidLock } from '../../src/servers/pid-lock';
import { buildSources } from '../support/start-servers';
import { newStateFolder, removeStateFolder } from './state-folder';

const compiled = join(__dirname, '..', '..', 'dist', 'src', 'servers', 'pid-lock.js');
let folder: string;
let file: string;

beforeAll(buildSources);
beforeEach(() => {
  folder = newStateFolder();
  file = join(folder, 'lock');
});
afterEach(() => removeStateFolder(folder));

describe('a lock', () => {
  it('is held by one, who is named to the others', () => {
    const lock = takePidLock(file);
    expect(lock).toHaveProperty('release');
    expect(takePidLock(file)).toMatchObject({ holder: { pid: process.pid } });
    expect(lockHolder(file)?.pid).toBe(process.pid);
  });

  it('is free again after its release', () => {
    const lock = takePidLock(file);
    if ('release' in lock) lock.release();
    expect(existsSync(file)).toBe(false);
    expect(lockHolder(file)).toBeNull();
    expect(takePidLock(file)).toHaveProperty('release');
  });

  it('ends with its holder, also when that is killed', async () => {
    const script = `require(${JSON.stringify(compiled)}).takePidLock(${JSON.stringify(file)});
      console.log('held'); setInterval(() => {}, 1000);`;
    const holder = spawn(process.execPath, ['-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(holder.stdout, 'data');
    expect(takePidLock(file)).toMatchObject({ holder: { pid: holder.pid } });
    holder.kill('SIGKILL');
    await once(holder, 'close');
    expect(lockHolder(file)).toBeNull();
    expect(takePidLock(file)).toHaveProperty('release');
  });

  it('is taken from a file that was cut short', () => {
    writeFileSync(file, '{"pid":');
    expect(takePidLock(file)).toHaveProperty('release');
  });

  it('does not hold in a copy of its folder', () => {
    takePidLock(file);
    const copy = join(folder, 'copy');
    cpSync(file, copy);
    expect(lockHolder(copy)).toBeNull();
    expect(takePidLock(copy)).toHaveProperty('release');
  });

  it('is won by exactly one of many that come at once over a dead holder', async () => {
    writeFileSync(file, JSON.stringify({ pid: 1, identity: 'gone', token: 'x', file }));
    const script = `const { takePidLock } = require(${JSON.stringify(compiled)});
      process.stdin.once('data', () => {
        console.log('release' in takePidLock(${JSON.stringify(file)}) ? 'won' : 'lost');
        process.stdin.once('end', () => process.exit(0));
      });`;
    const rivals = Array.from({ length: 6 }, () =>
      spawn(process.execPath, ['-e', script], { stdio: ['pipe', 'pipe', 'inherit'] }),
    );
    const answers = rivals.map(async (rival) =>
      String((await once(rival.stdout, 'data'))[0]).trim(),
    );
    for (const rival of rivals) rival.stdin.write('go');
    const outcomes = await Promise.all(answers);
    const closed = rivals.map((rival) => once(rival, 'close'));
    for (const rival of rivals) rival.stdin.end();
    await Promise.all(closed);
    expect(outcomes.filter((outcome) => outcome === 'won')).toHaveLength(1);
  });
});
