import { once } from 'node:events';
import { createServer } from 'node:http';
import type { Server, ServerResponse } from 'node:http';
import { connect } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { createKeptConnections } from '../../api/kept-connections';
import { answerUnreadable } from '../../api/unreadable';
import { waitFor } from '../support/wait-for';

// So long that a machine that stands still for a moment makes nobody idle.
const keptMs = 1_500;

let server: Server;
let sockets: Socket[];
/** Paths of answers that took their time, as often as each of them emitted `close`. */
let closed: string[];
let onBusy: (response: ServerResponse) => void;
beforeEach(async () => {
  sockets = [];
  closed = [];
  onBusy = () => undefined;
  const kept = createKeptConnections(keptMs);
  server = createServer({ keepAliveTimeout: 0 }, (request, response) => {
    const { url = '' } = request;
    if (url === '/') {
      response.end('quick');
      return;
    }
    kept.busy(response);
    response.on('close', () => closed.push(url));
    onBusy(response);
    if (url === '/begun') response.write('begun');
    if (url === '/never') return;
    setTimeout(() => response.end('slow'), url === '/soon' ? keptMs / 5 : 2 * keptMs);
  });
  kept.watch(server);
  answerUnreadable(server, kept);
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
  const ask = (...paths: string[]) =>
    socket.write(paths.map((path) => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`).join(''));
  return { state, ask, socket };
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

const untilClosed = (paths: readonly string[]) =>
  waitFor(
    'the end of every answer',
    () => [...closed],
    (all) => all.length >= paths.length,
  );

describe('a connection that is reset', () => {
  test('closes the answer whose turn it is and those that wait behind it, each once', async () => {
    const { state, ask, socket } = await open();
    const waiting = ['/slow', '/slow?2', '/slow?3'];
    ask('/', ...waiting);
    await said(state, 'quick', 1);
    await sleep(100);
    socket.resetAndDestroy();
    expect(await untilClosed(waiting)).toEqual(waiting);
    // Until all of them were ended by the app.
    await sleep(2.5 * keptMs);
    expect(closed).toEqual(waiting);
  });

  test('closes once what waits behind others and was answered, and what was answered before', async () => {
    const { state, ask, socket } = await open();
    const all = ['/soon', '/slow', '/soon?2', '/begun'];
    ask(...all);
    await said(state, 'slow', 1);
    await sleep(keptMs / 2);
    socket.resetAndDestroy();
    await untilClosed(all);
    await sleep(2.5 * keptMs);
    expect(closed.sort()).toEqual([...all].sort());
  });

  test('leaves nothing in memory', async () => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    const answers: WeakRef<ServerResponse>[] = [];
    onBusy = (response) => answers.push(new WeakRef(response));
    for (let n = 0; n < 5; n += 1) {
      const { ask, socket } = await open();
      ask('/never', '/never');
      await waitFor(
        'the requests',
        () => answers.length,
        (length) => length === 2 * (n + 1),
      );
      socket.resetAndDestroy();
    }
    await waitFor(
      'the end of every answer in memory',
      () => {
        collect();
        return answers.filter((answer) => answer.deref()).length;
      },
      (left) => left === 0,
    );
  });
});

describe('what is no HTTP', () => {
  const garbage = 'NONSENSE\r\n\r\n';

  test('cuts off an answer that has begun, and writes nothing into it', async () => {
    const { state, ask, socket } = await open();
    ask('/begun', '/slow');
    await said(state, 'begun', 1);
    socket.write(garbage);
    await ended(state);
    expect(state.text).toMatch(/\r\n5\r\nbegun\r\n$/);
    expect(await untilClosed(['/begun', '/slow'])).toEqual(['/begun', '/slow']);
  });

  test('behind answers that are whole is answered by a problem', async () => {
    const { state, ask, socket } = await open();
    ask('/', '/soon');
    await said(state, 'slow', 1);
    socket.write(garbage);
    await said(state, 'malformed-request', 2);
    expect(state.text.match(/HTTP\/1\.1 \d+/g)).toEqual([
      'HTTP/1.1 200',
      'HTTP/1.1 200',
      'HTTP/1.1 400',
    ]);
    await ended(state);
  });

  test('behind one that has not begun is answered in its place, and keeps no connection', async () => {
    const socket = connect({
      port: (server.address() as AddressInfo).port,
      host: '127.0.0.1',
      // It leaves its own side open.
      allowHalfOpen: true,
    });
    sockets.push(socket);
    let text = '';
    socket.on('data', (chunk) => (text += chunk.toString('latin1')));
    socket.write(`GET /slow HTTP/1.1\r\nHost: a\r\n\r\n${garbage}`);
    await once(socket, 'end');
    expect(text).toMatch(/^HTTP\/1\.1 400 /);
    await untilClosed(['/slow']);
  });
});
