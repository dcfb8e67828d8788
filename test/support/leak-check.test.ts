import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { watchHandles } from './leak-check';

const scope = () => ({ setTimeout, setInterval, clearTimeout, clearInterval, Error });

describe('the leak check', () => {
  test('finds nothing where everything was closed, or will not hold the process', async () => {
    const globals = scope();
    const check = watchHandles(globals);
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    globals.clearTimeout(globals.setTimeout(() => undefined, 60_000));
    const unheld = globals.setTimeout(() => undefined, 60_000).unref();
    await new Promise((resolve) => globals.setTimeout(resolve, 1));
    server.close();
    expect(await check.leaks()).toEqual([]);
    clearTimeout(unheld);
  });

  test('names a server, a child process and a timer that are left', async () => {
    const globals = scope();
    const check = watchHandles(globals);
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const child = spawn(process.execPath, ['-e', 'setTimeout(() => {}, 60000)'], {
      stdio: 'ignore',
    });
    const timer = globals.setInterval(() => undefined, 60_000);
    const leaks = (await check.leaks()).join('\n');
    expect(leaks).toContain(
      `listens on {"address":"127.0.0.1","family":"IPv4","port":${(server.address() as AddressInfo).port}}`,
    );
    expect(leaks).toContain(`a child process, pid ${String(child.pid)}`);
    expect(leaks).toMatch(/a timer, set in test\/support\/leak-check\.test\.ts:\d+/);
    clearInterval(timer);
    server.close();
    const ended = once(child, 'close');
    check.endProcesses();
    await ended;
  });
});
