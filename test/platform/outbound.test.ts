import type { lookup } from 'node:dns';
import http from 'node:http';
import https from 'node:https';
import net from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import type { OutboundResult } from '../../src/contracts/connectors';
import { createOutbound } from '../../src/platform/outbound';
import type { Outbound, OutboundOptions, OutboundRequest } from '../../src/platform/outbound';
import { createAddressGuard } from '../../src/platform/outbound-addresses';
import { selfSignedCertificate } from '../support/self-signed-certificate';

const loopback = ['127.0.0.0/8', '::1/128'];
const cleanUps: (() => void)[] = [];

afterEach(() => {
  for (const cleanUp of cleanUps.splice(0)) cleanUp();
});

function client(options: Partial<OutboundOptions> = {}): Outbound {
  const outbound = createOutbound({ allowCidrs: loopback, requireHttps: false, ...options });
  cleanUps.push(() => outbound.close());
  return outbound;
}

async function listening(server: Server): Promise<number> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket) => sockets.add(socket));
  cleanUps.push(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

async function web(answer: http.RequestListener): Promise<string> {
  return `http://127.0.0.1:${await listening(http.createServer(answer))}`;
}

/** A server that speaks raw TCP. */
async function raw(connected: (socket: Socket) => void): Promise<string> {
  const server = net.createServer((socket) => {
    socket.on('error', () => undefined);
    connected(socket);
  });
  return `http://127.0.0.1:${await listening(server)}`;
}

function get(outbound: Outbound, url: string, more: Partial<OutboundRequest> = {}) {
  return outbound.send({ method: 'GET', url, headers: {}, timeoutMs: 5_000, ...more });
}

const failed = (phase: string, reason: string) => ({ kind: 'failure', phase, reason });

/** Resolves every name to these addresses. */
function resolving(...addresses: string[]): typeof lookup {
  const all = addresses.map((address) => ({ address, family: net.isIP(address) }));
  return ((_name: string, _options: object, done: (error: null, found: object) => void) =>
    done(null, all)) as unknown as typeof lookup;
}

describe('an answer', () => {
  it('comes with status, lower-case headers, text and JSON', async () => {
    const url = await web((request, response) => {
      const seen: string[] = [];
      request.on('data', (chunk) => seen.push(String(chunk)));
      request.on('end', () => {
        response.writeHead(418, { 'Content-Type': 'application/json', 'X-A': ['1', '2'] });
        response.end(
          JSON.stringify({ method: request.method, url: request.url, body: seen.join('') }),
        );
      });
    });
    const result = await get(client(), `${url}/a/b?c=d`, { method: 'PUT', body: 'grüß' });
    expect(result).toMatchObject({
      kind: 'response',
      status: 418,
      headers: { 'x-a': '1, 2', 'content-type': 'application/json' },
      json: { method: 'PUT', url: '/a/b?c=d', body: 'grüß' },
    });
  });

  it('that is no JSON has its text only, and an empty one neither', async () => {
    const url = await web((request, response) => {
      response.statusCode = request.url === '/empty' ? 204 : 200;
      response.end(request.url === '/empty' ? undefined : '<p>no</p>');
    });
    expect(await get(client(), url)).toMatchObject({ json: undefined, text: '<p>no</p>' });
    expect(await get(client(), `${url}/empty`)).toMatchObject({
      status: 204,
      json: undefined,
      text: '',
    });
  });

  it('that redirects is handed over, and never followed', async () => {
    let calls = 0;
    const url = await web((_request, response) => {
      calls += 1;
      response.writeHead(302, { location: 'http://169.254.169.254/' }).end();
    });
    expect(await get(client(), url)).toMatchObject({ kind: 'response', status: 302 });
    expect(calls).toBe(1);
  });

  it.each([
    ['with its length', { 'content-length': String(64 * 1024) }],
    ['in pieces', {}],
  ])('that is longer than the cap is cut off, sent %s', async (_how, headers) => {
    const url = await web((_request, response) => {
      response.writeHead(200, headers);
      response.end('x'.repeat(64 * 1024));
    });
    const tooLong = await get(client(), url, { maxBytes: 64 * 1024 - 1 });
    expect(tooLong).toEqual(failed('after-send', 'too-large'));
    expect(await get(client(), url, { maxBytes: 64 * 1024 })).toMatchObject({ status: 200 });
  });

  it('is capped at 1 MiB unless said otherwise', async () => {
    const url = await web((_request, response) => response.end(Buffer.alloc(1024 * 1024 + 1, 'x')));
    expect(await get(client(), url)).toEqual(failed('after-send', 'too-large'));
  });

  it('comes over a connection that is kept for the next call', async () => {
    const ports = new Set<number | undefined>();
    const url = await web((request, response) => {
      ports.add(request.socket.remotePort);
      response.end('ok');
    });
    const outbound = client();
    for (let n = 0; n < 5; n += 1) expect(await get(outbound, url)).toMatchObject({ text: 'ok' });
    expect(ports.size).toBe(1);
  });
});

describe('a call that fails before anything is sent', () => {
  it.each<[string, () => Promise<string> | string, string]>([
    [
      'nobody listens',
      async () => {
        const server = net.createServer();
        const port = await listening(server);
        server.close();
        return `http://127.0.0.1:${port}`;
      },
      'refused',
    ],
    ['the name does not exist', () => 'http://nobody.invalid/', 'dns'],
    [
      'the TLS handshake fails',
      async () => (await web((_q, r) => r.end())).replace('http', 'https'),
      'tls',
    ],
    ['the address is no URL', () => 'http://', 'request-refused'],
    ['the scheme is not http', () => 'file:///etc/passwd', 'request-refused'],
    ['the URL holds a user', () => 'http://user@127.0.0.1/', 'request-refused'],
    ['the URL holds a password', () => 'http://:pass@127.0.0.1/', 'request-refused'],
  ])('says so when %s', async (_when, url, reason) => {
    expect(await get(client(), await url())).toEqual(failed('before-send', reason));
  });

  it('says so when a certificate is not trusted', async () => {
    const server = https.createServer(selfSignedCertificate(), (_request, response) =>
      response.end('ok'),
    );
    const port = await listening(server);
    expect(await get(client(), `https://localhost:${port}/`)).toEqual(failed('before-send', 'tls'));
  });

  it('says so when the handshake does not end in time', async () => {
    const url = (await raw(() => undefined)).replace('http', 'https');
    expect(await get(client(), url, { timeoutMs: 200 })).toEqual(failed('before-send', 'timeout'));
  });

  it('says so when a header or method is no HTTP', async () => {
    const headers = { 'x-a': 'a\r\nb: c' };
    expect(await get(client(), 'http://127.0.0.1:9/', { headers })).toEqual(
      failed('before-send', 'request-refused'),
    );
    expect(await get(client(), 'http://127.0.0.1:9/', { method: 'G T' })).toEqual(
      failed('before-send', 'request-refused'),
    );
  });

  it('says so when http: is not allowed', async () => {
    const outbound = client({ requireHttps: true });
    expect(await get(outbound, 'http://127.0.0.1:9/')).toEqual(
      failed('before-send', 'request-refused'),
    );
  });
});

describe('a call that fails after it was sent', () => {
  it('says so when the answer does not come in time', async () => {
    const url = await web(() => undefined);
    expect(await get(client(), url, { timeoutMs: 200 })).toEqual(failed('after-send', 'timeout'));
  });

  it('says so when the answer does not end in time', async () => {
    const url = await web((_request, response) => response.write('begun'));
    expect(await get(client(), url, { timeoutMs: 200 })).toEqual(failed('after-send', 'timeout'));
  });

  it('says so when the connection is reset before the answer', async () => {
    const url = await raw((socket) => socket.once('data', () => socket.resetAndDestroy()));
    expect(await get(client(), url)).toEqual(failed('after-send', 'reset'));
  });

  it('says so when the connection closes in the middle of the answer', async () => {
    const url = await raw((socket) =>
      socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf')),
    );
    expect(await get(client(), url)).toEqual(failed('after-send', 'reset'));
  });

  it('says so when the answer is no HTTP', async () => {
    const url = await raw((socket) =>
      socket.once('data', () => socket.end('SSH-2.0-OpenSSH\r\n\r\n')),
    );
    expect(await get(client(), url)).toEqual(failed('after-send', 'unreadable'));
  });

  it('says so when a kept connection dies under it, and sends nothing a second time', async () => {
    let requests = 0;
    const url = await raw((socket) =>
      socket.on('data', () => {
        requests += 1;
        if (requests === 1) socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
        else socket.resetAndDestroy();
      }),
    );
    const outbound = client();
    expect(await get(outbound, url)).toMatchObject({ text: 'ok' });
    expect(await get(outbound, url, { method: 'POST', body: '{}' })).toEqual(
      failed('after-send', 'reset'),
    );
    expect(requests).toBe(2);
  });
});

describe('addresses', () => {
  const closed: OutboundResult = {
    kind: 'failure',
    phase: 'before-send',
    reason: 'address-refused',
  };

  it.each([
    '127.0.0.1',
    '10.1.2.3',
    '172.31.0.1',
    '192.168.1.1',
    '100.64.0.1',
    '0.0.0.0',
    '224.0.0.1',
    '255.255.255.255',
    '198.51.100.7',
    '[::1]',
    '[::]',
    '[fc00::1]',
    '[ff02::1]',
    '[fec0::1]',
    '[::ffff:127.0.0.1]',
    '[::ffff:8.8.8.8]',
    '[64:ff9b::7f00:1]',
    '[2002:7f00:1::]',
    '[2001:db8::1]',
    '2130706433',
    '0x7f.1',
    '0177.0.0.1',
  ])('%s is not dialled unless its range is listed', async (host) => {
    const warnings: object[] = [];
    const log = { warn: (fields: object) => void warnings.push(fields) };
    const outbound = client({ allowCidrs: [], log });
    expect(await get(outbound, `http://${host}:9/`)).toEqual(closed);
    expect(warnings).toHaveLength(1);
  });

  const everything = ['0.0.0.0/0', '::/0'];
  it.each([
    '169.254.169.254',
    '169.254.0.1',
    '[fe80::1]',
    '[::ffff:169.254.169.254]',
    '[::ffff:a9fe:a9fe]',
    '[64:ff9b::a9fe:a9fe]',
    '[2002:a9fe:a9fe::]',
    '[::169.254.169.254]',
    '[fd00:ec2::254]',
    '100.100.100.200',
    '168.63.129.16',
  ])('%s is never dialled, even when its range is listed', async (host) => {
    expect(await get(client({ allowCidrs: everything }), `http://${host}:9/`)).toEqual(closed);
  });

  it.each(['10.0.0.1', '127.0.0.1', '169.254.169.254', '::1', '::ffff:10.0.0.1', 'fe80::1%eth0'])(
    'a name is not dialled at the closed address %s that it leads to when it is dialled',
    async (address) => {
      const outbound = client({ allowCidrs: [], resolve: resolving(address) });
      expect(await get(outbound, 'http://backend.example/')).toEqual(closed);
    },
  );

  it('a name with open and closed addresses is dialled at the open ones only', async () => {
    const url = new URL(await web((_request, response) => response.end('ok')));
    const outbound = client({ resolve: resolving('169.254.169.254', '127.0.0.1', '10.0.0.1') });
    expect(await get(outbound, `http://backend.example:${url.port}/`)).toMatchObject({
      text: 'ok',
    });
  });

  it('a name that leads elsewhere the second time is checked the second time', async () => {
    let resolved = 0;
    const url = new URL(
      await web((_request, response) => response.setHeader('connection', 'close').end('ok')),
    );
    const resolve = ((name: string, options: object, done: () => void) => {
      resolved += 1;
      const address = resolved === 1 ? '127.0.0.1' : '10.0.0.1';
      (resolving(address) as unknown as (...rest: unknown[]) => void)(name, options, done);
    }) as unknown as typeof lookup;
    const outbound = client({ resolve });
    const target = `http://backend.example:${url.port}/`;
    expect(await get(outbound, target)).toMatchObject({ text: 'ok' });
    expect(await get(outbound, target)).toEqual(closed);
  });

  it('localhost is dialled when loopback is listed, and not otherwise', async () => {
    const url = (await web((_request, response) => response.end('ok'))).replace(
      '127.0.0.1',
      'localhost',
    );
    expect(await get(client(), url)).toMatchObject({ text: 'ok' });
    expect(await get(client({ allowCidrs: [] }), url)).toEqual(closed);
  });

  it('public ones are open, mapped ones when what they reach is listed', () => {
    const guard = createAddressGuard(['10.0.0.0/8', 'fd12::/16', '64:ff9b::/96']);
    for (const open of [
      '8.8.8.8',
      '2606:4700::1111',
      '10.1.1.1',
      '::ffff:10.1.1.1',
      '::ffff:a01:101',
      'fd12::1',
      '64:ff9b::808:808',
    ]) {
      expect([open, guard(open)]).toEqual([open, true]);
    }
    for (const shut of ['11.0.0.0.1', '', 'backend', '::ffff:11.1.1.1', 'fd13::1', '192.168.0.1']) {
      expect([shut, guard(shut)]).toEqual([shut, false]);
    }
  });

  it.each(['10.0.0.0/33', '10.0.0/8', '::/129', 'localhost', '10.0.0.0/8/8', '10.0.0.0/', ''])(
    'the list is refused at boot when it holds %p',
    (cidr) => {
      expect(() => createAddressGuard([cidr])).toThrow('is no address range such as 10.0.0.0/8');
    },
  );
});

it('https works with an authority of its own', async () => {
  const certificate = selfSignedCertificate();
  const server = https.createServer(certificate, (_request, response) => response.end('ok'));
  const port = await listening(server);
  const outbound = client({ requireHttps: true, ca: certificate.cert });
  expect(await get(outbound, `https://localhost:${port}/`)).toMatchObject({ text: 'ok' });
});
