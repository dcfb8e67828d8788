import { once } from 'node:events';
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import { connect } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { createKeptConnections } from '../../api/kept-connections';
import { waitFor } from '../support/wait-for';

// So long that a machine that stands still for a moment makes nobody idle.
const keptMs = 1_500;

let server: Server;
let sockets: Socket[];
beforeEach(async () => {
  sockets = [];
  const kept = createKeptConnections(keptMs);
  server = createServer({ keepAliveTimeout: 0 }, (request, response) => {
    if (request.url !== '/slow') {
      response.end('quick');
      return;
    }
    kept.busy(response);
    setTimeout(() => response.end('slow'), 2 * keptMs);
  });
  kept.watch(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});
afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  server.close();
  await once(server, 'close');
});

/** A connection, what came over it so far and whether it was ended. */
async function open() {
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  sockets.push(socket);
  const state = { text: '', ended: false };
  socket.on('data', (chunk) => (state.text += chunk.toString('latin1')));
  socket.on('close', () => (state.ended = true));
  await once(socket, 'connect');
  const ask = (path: string) => socket.write(`GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`);
  return { state, ask };
}

interface State {
  readonly text: string;
  readonly ended: boolean;
}

const ended = (state: State) =>
  waitFor(
    'the end of a connection',
    () => state.ended,
    (is) => is,
  );
const said = (state: State, word: string, times: number) =>
  waitFor(
    `${String(times)} times ${word}`,
    () => state.text.split(word).length - 1,
    (n) => n === times,
  );

test('a connection is ended when nothing went over it for so long, and not before', async () => {
  const { state, ask } = await open();
  const began = performance.now();
  for (let n = 0; n < 15; n += 1) {
    ask('/');
    await sleep(keptMs / 10);
  }
  await said(state, 'quick', 15);
  expect(state.ended).toBe(false);
  await ended(state);
  expect(performance.now() - began).toBeGreaterThan(keptMs * 2);
});

test('a connection over which nothing ever came is ended as well', async () => {
  const { state } = await open();
  await ended(state);
});

test('an answer that takes its time arrives, and its connection is ended later on', async () => {
  const { state, ask } = await open();
  ask('/slow');
  await said(state, 'slow', 1);
  expect(state.ended).toBe(false);
  ask('/');
  await said(state, 'quick', 1);
  await ended(state);
});

test('answers of one connection that were asked for at once all arrive', async () => {
  const { state, ask } = await open();
  for (const path of ['/', '/slow', '/slow']) ask(path);
  await said(state, 'slow', 2);
  await ended(state);
});
