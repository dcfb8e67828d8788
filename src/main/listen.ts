import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Log } from '../platform/log';
import { StartError } from './start-failure';

/** Where a process listens. */
export interface ListenAddress {
  readonly host: string | undefined;
  readonly port: number;
}

/**
 * Begins to listen and returns the URL on this machine.
 * @throws StartError that says what to do when the port is taken
 */
export function listen(server: Server, address: ListenAddress): Promise<string> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      reject(
        error.code === 'EADDRINUSE'
          ? new StartError(
              `Port ${String(address.port)} is taken: stop what listens there or set another address`,
            )
          : error,
      );
    });
    server.listen({ port: address.port, ...(address.host ? { host: address.host } : {}) }, () => {
      const { port } = server.address() as AddressInfo;
      resolve(
        `http://${address.host && address.host !== '0.0.0.0' ? address.host : '127.0.0.1'}:${String(port)}`,
      );
    });
  });
}

/** Tells logs, and the parent that started this process, that it is up and where. */
export function announce(log: Log, name: 'api' | 'worker', url: string): void {
  log.info({ url }, `The ${name} is up at ${url}`);
  process.send?.({ ready: true, url });
}
