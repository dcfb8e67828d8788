import { once } from 'node:events';
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import { connect } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import express from 'express';
import { z } from 'zod';
import { createKeptConnections } from '../../../api/kept-connections';
import { createRouter } from '../../../api/router';
import type { RouterDeps } from '../../../api/router';
import { endpoint } from '../../../src/contracts/http';
import { startTestApp } from '../../support/test-app';
import type { TestApp } from '../../support/test-app';
import { waitFor } from '../../support/wait-for';
import { whileLocked } from '../verification/keys';

/** Asks for some things in one go. */
async function ask(port: number, paths: readonly string[], header = 'X-None: 1'): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  await once(socket, 'connect');
  socket.write(
    paths.map((path) => `GET ${path} HTTP/1.1\r\nHost: x\r\n${header}\r\n\r\n`).join(''),
  );
  return socket;
}

let app: TestApp;
beforeAll(async () => {
  app = await startTestApp({ worker: false });
}, 120_000);
afterAll(() => app.stop());

test('each request of a client that goes before its answers is logged and measured, also where it waited behind another', async () => {
  const header = `X-Api-Key: ${await app.keyFor('owner')}`;
  const lines = () =>
    app.logs
      .map((line) => JSON.parse(line) as Record<string, unknown>)
      .filter((line) => line['http.path'] === '/onboarding/invites');
  const port = Number(new URL(app.url).port);
  await whileLocked(app, ['invites'], async () => {
    const socket = await ask(port, ['/onboarding/invites', '/onboarding/invites?limit=3'], header);
    const waiting = () =>
      app.deps.db.pool
        .query(
          `select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
        )
        .then(({ rows }) => rows.length);
    await waitFor('both requests', waiting, (n) => n === 2);
    socket.resetAndDestroy();
    await waitFor('their lines', lines, ({ length }) => length === 2);
  });
  expect(lines()).toMatchObject(
    Array.from({ length: 2 }, () => ({
      'http.operation': 'listInvites',
      'http.aborted': true,
    })),
  );
});

describe('a body that is written bit by bit', () => {
  const contracts = ['slow', 'streamed'].map((operationId) =>
    endpoint({
      operationId,
      method: 'get',
      path: `/${operationId}`,
      tag: 'test',
      summary: 'A test',
      access: 'public',
      responses: { 200: z.string() },
      problems: [],
    }),
  );

  let server: Server;
  let began: number;
  let ended: number;
  let failed: unknown[];
  /** What is waited for before a body begins. */
  let before: Promise<void>;
  let asked: number;
  beforeEach(async () => {
    [began, ended, asked, failed] = [0, 0, 0, []];
    before = Promise.resolve();
    // As fast as its reader takes it, without an end.
    const stream = async function* (signal: AbortSignal) {
      began += 1;
      try {
        while (!signal.aborted) yield await Promise.resolve('x'.repeat(10_000));
      } finally {
        ended += 1;
      }
    };
    const handlers = {
      slow: () => {
        asked += 1;
        return new Promise<never>(() => undefined);
      },
      streamed: async () => {
        asked += 1;
        await before;
        return { status: 200 as const, body: { type: 'text/plain', stream } };
      },
    };
    const anonymous = { kind: 'anonymous', actorId: 'anonymous' };
    const router = createRouter(contracts, handlers, {
      authenticate: () => Promise.resolve(anonymous),
      clientAddress: () => '127.0.0.1',
      limits: { consume: () => Promise.resolve() },
    } as unknown as RouterDeps);
    const routed = express()
      .use(router)
      .use(((error, _request, response, _next) => {
        failed.push(error);
        response.destroy();
      }) satisfies express.ErrorRequestHandler);
    const kept = createKeptConnections();
    server = createServer((request, response) => {
      kept.busy(response);
      routed(request, response);
    });
    kept.watch(server);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
  });
  afterEach(async () => {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  });
  const port = () => (server.address() as AddressInfo).port;
  const until = (what: string, read: () => number, n: number) =>
    waitFor(what, read, (m) => m === n);

  test.each([
    ['whose turn it is', ['/streamed']],
    ['that waits behind another', ['/slow', '/streamed']],
  ])('%s ends when its reader goes', async (_which, paths) => {
    const socket = await ask(port(), paths);
    await until('the begin', () => began, 1);
    socket.resetAndDestroy();
    await until('the end', () => ended, 1);
    expect(failed).toEqual([]);
  });

  test('does not begin for a reader that went before', async () => {
    let go = (): void => undefined;
    before = new Promise((resolve) => (go = resolve));
    const socket = await ask(port(), ['/streamed', '/streamed']);
    await until('the requests', () => asked, 2);
    socket.resetAndDestroy();
    await waitFor(
      'the end of the connection',
      () =>
        new Promise<number>((resolve) => {
          server.getConnections((_error, n) => {
            resolve(n);
          });
        }),
      (n) => n === 0,
    );
    go();
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect([began, failed]).toEqual([0, []]);
  });
});
