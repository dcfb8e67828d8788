import { isPortFree, nextFreePort } from '../servers/free-port';
import { SetupError } from '../servers/setup-error';

/**
 * Where the API and the worker listen, as `[host]:port`, and how this machine and the public reach
 * them.
 */
export interface ProgramAddresses {
  readonly api: string;
  readonly worker: string;
  readonly apiUrl: string;
  readonly workerUrl: string;
  readonly publicUrl: string;
}

function portOf(address: string): number {
  return Number(/:(\d+)$/.exec(address)?.[1] ?? 0);
}

/** Where a program that listens on `[host]:port` is reached from this machine. */
function localUrl(address: string): string {
  const host = address.replace(/:\d+$/, '');
  const here = ['', '0.0.0.0', '[::]', '127.0.0.1'].includes(host);
  return `http://${here ? 'localhost' : host}:${String(portOf(address))}`;
}

async function choose(name: string, first: number): Promise<string> {
  const configured = process.env[name];
  if (!configured) return `:${String(await nextFreePort(first))}`;
  if (await isPortFree(portOf(configured))) return configured;
  throw new SetupError(
    `Port ${String(portOf(configured))} (${name}=${configured}) is in use by another program.`,
    `End that program, choose another ${name}, or unset it: then the next free port is taken.`,
  );
}

/**
 * ADDR and WORKER_ADDR as configured, which must then be free; else the first free ports from 8090
 * on.
 */
export async function chooseAddresses(): Promise<ProgramAddresses> {
  const api = await choose('ADDR', 8090);
  const worker = await choose('WORKER_ADDR', portOf(api) + 1);
  const apiUrl = localUrl(api);
  const publicUrl = process.env['PUBLIC_URL'] ?? apiUrl;
  return { api, worker, apiUrl, workerUrl: localUrl(worker), publicUrl };
}
