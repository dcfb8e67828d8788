import { randomUUID } from 'node:crypto';
import { readRunFile, stateDirOf } from '../../servers/run-file';
import { CommandFailure } from './command';
import type { CliIo } from './command';
import { ApiProblem } from './failures';

/** The public API of a running system, called with a service account's key. */
export interface ApiClient {
  readonly url: string;
  get(path: string): Promise<Record<string, unknown>>;
  /** The body of an answer as it comes, for as long as it takes. */
  download(path: string): Promise<AsyncIterable<Uint8Array>>;
  /** Posts JSON with an Idempotency-Key of its own. */
  post(path: string, body: unknown): Promise<Record<string, unknown>>;
  delete(path: string, body: unknown): Promise<Record<string, unknown>>;
}

/** What the help of a command says that calls the API. */
export const throughApi =
  'Goes through the public API: set USHER_URL and USHER_KEY, or run it where bin/dev or bin/demo runs.';

// Longer than any route waits: 10 s for an outcome, 10 s for the longest lease.
const timeoutMs = 30_000;

/**
 * Finds the API: USHER_URL and USHER_KEY, else the system that runs in this folder.
 * @throws CommandFailure when there is neither
 */
export function openApi(io: CliIo): ApiClient {
  const { url, key } = addressOf(io);
  const request = async (
    method: 'GET' | 'POST' | 'DELETE',
    path: string,
    body?: unknown,
  ): Promise<Record<string, unknown>> => {
    const response = await fetch(`${url}${path}`, {
      method,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      headers: {
        'x-api-key': key,
        accept: 'application/json',
        ...(body === undefined
          ? {}
          : { 'content-type': 'application/json', 'idempotency-key': randomUUID() }),
      },
      redirect: 'manual',
      signal: AbortSignal.timeout(timeoutMs),
    }).catch((error: unknown) => {
      throw new CommandFailure(
        `The API at ${url} cannot be reached (${reasonOf(error)}).`,
        'Start it, or set USHER_URL and USHER_KEY to one that runs.',
      );
    });
    // A tenant's former slug leads to the present one; the key goes nowhere but to the API itself.
    const moved = response.status === 301 ? response.headers.get('location') : null;
    if (moved?.startsWith('/') && !moved.startsWith('//')) return request(method, moved, body);
    const answer = (await response.json().catch(() => null)) as Record<string, unknown> | null;
    if (response.ok && answer) return answer;
    if (typeof answer?.['code'] === 'string') throw new ApiProblem(answer);
    throw new CommandFailure(
      `${url}${path} answered ${String(response.status)} and no problem document.`,
      'Check that USHER_URL is the address of Usher itself.',
    );
  };
  return {
    url,
    get: (path) => request('GET', path),
    async download(path) {
      const response = await fetch(`${url}${path}`, {
        headers: { 'x-api-key': key },
        redirect: 'error',
      }).catch((error: unknown) => {
        throw new CommandFailure(
          `The API at ${url} cannot be reached (${reasonOf(error)}).`,
          'Start it, or set USHER_URL and USHER_KEY to one that runs.',
        );
      });
      if (response.ok && response.body) return response.body as AsyncIterable<Uint8Array>;
      throw new ApiProblem((await response.json().catch(() => ({}))) as Record<string, unknown>);
    },
    post: (path, body) => request('POST', path, body),
    delete: (path, body) => request('DELETE', path, body),
  };
}

function addressOf(io: CliIo): { url: string; key: string } {
  const { USHER_URL: url, USHER_KEY: key } = io.env;
  if (url && key) {
    if (!/^https?:\/\//.test(url)) {
      throw new CommandFailure(`USHER_URL is no web address: ${url}`, 'Write it as https://….');
    }
    return { url: url.replace(/\/+$/, ''), key };
  }
  if (url || key) {
    throw new CommandFailure(
      `${url ? 'USHER_KEY' : 'USHER_URL'} is not set, but ${url ? 'USHER_URL' : 'USHER_KEY'} is.`,
      'Set both: the address of the API and the key of a service account.',
    );
  }
  const run = readRunFile(stateDirOf(io.root))?.run;
  if (!run) {
    throw new CommandFailure(
      'No system runs in this folder, and USHER_URL and USHER_KEY are not set.',
      'Start bin/dev, or set both: the address of the API and the key of a service account.',
    );
  }
  return { url: run.api.url, key: run.owner_key };
}

function reasonOf(error: unknown): string {
  const { name, cause } = error as { name?: string; cause?: { code?: string } };
  return name === 'TimeoutError' ? 'no answer in 30 s' : (cause?.code ?? name ?? 'unknown');
}
