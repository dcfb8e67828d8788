import { chmodSync, readFileSync, statSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { freePort, isPortFree, keptPort, nextFreePort } from '../../src/servers/free-port';
import { readRunFile, writeRunFile, type RunFile } from '../../src/servers/run-file';
import { openSecrets } from '../../src/servers/secrets';
import { newStateFolder, removeStateFolder } from './state-folder';

let stateDir: string;
const servers: Server[] = [];

beforeEach(() => {
  stateDir = newStateFolder();
});
afterEach(async () => {
  for (const server of servers.splice(0)) await new Promise((resolve) => server.close(resolve));
  removeStateFolder(stateDir);
});

async function occupy(host: string): Promise<number> {
  const server = createServer();
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  return (server.address() as AddressInfo).port;
}

describe('ports', () => {
  it.each(['127.0.0.1', '0.0.0.0', '::'])(
    'count as taken when a program listens on %s',
    async (host) => {
      const port = await occupy(host);
      expect(await isPortFree(port)).toBe(false);
      expect(await nextFreePort(port)).not.toBe(port);
    },
  );

  it('that cannot exist are not free', async () => {
    expect(await isPortFree(0)).toBe(false);
    expect(await isPortFree(70_000)).toBe(false);
  });

  it('stay the same over restarts as long as they are free', async () => {
    const first = await keptPort(stateDir, 'postgres');
    expect(await keptPort(stateDir, 'postgres')).toBe(first);
    const server = createServer().listen(first, '127.0.0.1');
    servers.push(server);
    await new Promise((resolve) => server.once('listening', resolve));
    const second = await keptPort(stateDir, 'postgres');
    expect(second).not.toBe(first);
    expect(await keptPort(stateDir, 'postgres')).toBe(second);
  });

  it('are the preferred ones where those are free', async () => {
    const wanted = await freePort();
    expect(await keptPort(stateDir, 'mailbox', wanted)).toBe(wanted);
    const taken = await occupy('127.0.0.1');
    expect(await keptPort(stateDir, 'other', taken)).not.toBe(taken);
  });
});

describe('secrets', () => {
  it('are made once, kept for everybody who opens them, and private', () => {
    const [one, two] = [openSecrets(stateDir), openSecrets(stateDir)];
    const pepper = one.get('PEPPER');
    const cookie = two.get('COOKIE');
    expect(two.get('PEPPER')).toBe(pepper);
    expect(openSecrets(stateDir).get('COOKIE')).toBe(cookie);
    expect(statSync(join(stateDir, 'secrets')).mode & 0o777).toBe(0o600);
  });

  it('made readable for all by hand become private again', () => {
    openSecrets(stateDir).get('PEPPER');
    chmodSync(join(stateDir, 'secrets'), 0o644);
    openSecrets(stateDir);
    expect(statSync(join(stateDir, 'secrets')).mode & 0o777).toBe(0o600);
  });

  it('may hold any base64', () => {
    const secrets = openSecrets(stateDir);
    secrets.set('RING', 'dev1:ab+/cd==,dev2:xx==');
    expect(secrets.find('RING')).toBe('dev1:ab+/cd==,dev2:xx==');
    expect(secrets.find('OTHER')).toBeUndefined();
  });
});

describe('run.json', () => {
  it('is private, and believed only while its system runs', () => {
    writeRunFile(stateDir, { owner_key: 'k' } as RunFile);
    const file = join(stateDir, 'run.json');
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual({ owner_key: 'k' });
    expect(readRunFile(stateDir)).toBeNull();
  });
});
