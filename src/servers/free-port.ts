import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { takePidLock } from './pid-lock';
import { SetupError, systemCode } from './setup-error';
import { readJson, writePrivateJson } from './state-files';

function canListen(port: number, host: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', (error) => {
      const code = systemCode(error);
      // No IPv6 on this machine: then nobody can be in the way there.
      if (code === 'EAFNOSUPPORT' || code === 'EADDRNOTAVAIL') resolve(true);
      else if (code === 'EADDRINUSE' || code === 'EACCES') resolve(false);
      else reject(error);
    });
    server.listen({ port, host, exclusive: true }, () => {
      server.close(() => {
        resolve(true);
      });
    });
  });
}

/** Whether the port can be listened on, on the loopback address and on all of them. */
export async function isPortFree(port: number): Promise<boolean> {
  if (port < 1 || port > 65_535) return false;
  for (const host of ['127.0.0.1', '0.0.0.0', '::']) {
    if (!(await canListen(port, host))) return false;
  }
  return true;
}

/** Below the ports that systems give to outgoing connections (from 32768 on Linux, 49152 elsewhere). */
const ownRange = { first: 10_000, count: 22_000 };
const handedOut = new Set<number>();

/**
 * The first free one of the preferred ports, else a random one that this process has not been given yet. It is none
 * that the system would pick: such a one may be an outgoing connection's before the server, started or started again,
 * listens on it.
 */
export async function freePort(preferred: readonly number[] = []): Promise<number> {
  for (const port of preferred) if (await isPortFree(port)) return port;
  for (let tries = 0; tries < 100; tries += 1) {
    const port = ownRange.first + randomInt(ownRange.count);
    if (handedOut.has(port)) continue;
    handedOut.add(port);
    if (await isPortFree(port)) return port;
  }
  throw new SetupError(
    'No free port was found between 10000 and 32000.',
    'End programs that listen there, then start again.',
  );
}

/**
 * Keeps other systems that start at the same moment from choosing the port too, as long as this
 * process lives.
 */
function reserve(port: number): boolean {
  try {
    const lock = takePidLock(join(tmpdir(), `usher-port-${String(port)}.lock`));
    if (!('release' in lock)) return false;
    process.once('exit', () => lock.release());
    return true;
  } catch {
    // The lock belongs to another user.
    return false;
  }
}

/** The first free port from `first` on, upwards, reserved for this process. */
export async function nextFreePort(first: number): Promise<number> {
  for (let port = first; port < first + 100; port += 1) {
    if ((await isPortFree(port)) && reserve(port)) return port;
  }
  return freePort();
}

/**
 * A port for the server `name` that stays the same over restarts as long as it is free: the one
 * that `ports.json` of the state folder remembers, else the preferred one, else any.
 */
export async function keptPort(
  stateDir: string,
  name: string,
  preferred?: number,
): Promise<number> {
  const file = join(stateDir, 'ports.json');
  const remembered = (readJson(file) ?? {}) as Record<string, number>;
  const wanted = [remembered[name], preferred].filter((port) => port !== undefined);
  const port = await freePort(wanted);
  if (port !== remembered[name]) {
    const latest = (readJson(file) ?? {}) as Record<string, number>;
    writePrivateJson(file, { ...latest, [name]: port });
  }
  return port;
}
