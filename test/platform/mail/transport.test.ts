import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { createMailTransport } from '../../../src/platform/mail/transport';
import type { MailTransport } from '../../../src/platform/mail/transport';
import { startScriptedServer } from './smtp-script';
import type { Script, ScriptedServer } from './smtp-script';

const mail = {
  to: { address: 'ada@example.com', name: 'Ada' },
  subject: 'Hello',
  text: 'Hello',
  html: '<p>Hello</p>',
  messageId: '<1@usher>',
};
const limits = { connect: 1_000, answer: 1_000, inAll: 20_000 };

let server: ScriptedServer;
let transport: MailTransport;
async function start(
  script: Script,
  { scheme = 'smtp', ...own }: Partial<typeof limits> & { scheme?: string } = {},
): Promise<void> {
  server = await startScriptedServer(script);
  transport = createMailTransport({
    url: `${scheme}://127.0.0.1:${String(server.port)}`,
    from: 'usher@example.com',
    limits: { ...limits, ...own },
  });
}
afterEach(async () => {
  transport.close();
  await server.close();
});

const silence = () => undefined;
const hangUp = (socket: Socket) => void socket.destroy();

test('a mail that the server takes is sent', async () => {
  await start({});
  expect(await transport.send(mail)).toEqual({ kind: 'sent' });
});

describe('a mail of which the server got nothing is tried again', () => {
  test.each<[string, Script, string?]>([
    ['never greets', { greeting: silence }],
    ['never finishes connecting', { greeting: silence }, 'smtps'],
    ['does not speak TLS', {}, 'smtps'],
    ['accepts and closes', { greeting: hangUp }],
    ['is silent after EHLO', { answers: { EHLO: silence } }],
    ['is silent after RCPT TO', { answers: { RCPT: silence } }],
    ['hangs up at RCPT TO', { answers: { RCPT: hangUp } }],
    ['is silent after the command DATA', { answers: { DATA: silence } }],
    ['hangs up at the command DATA', { answers: { DATA: hangUp } }],
  ])('by a server that %s', async (_what, script, scheme = 'smtp') => {
    await start(script, { scheme });
    expect(await transport.send(mail)).toMatchObject({ kind: 'later' });
    expect(server.heard).not.toContain('content');
  });

  test('because nobody listens', async () => {
    await start({});
    await server.close();
    expect(await transport.send(mail)).toMatchObject({ kind: 'later' });
  });
});

describe('a reply that speaks of us does not bounce the mail', () => {
  const say = (reply: string) => () => reply;
  test.each<[string, Script]>([
    ['554 as the greeting', { greeting: say('554 no service for you') }],
    ['550 to EHLO and HELO', { answers: { EHLO: say('550 who?'), HELO: say('550 who?') } }],
    [
      '502 to STARTTLS',
      { answers: { EHLO: say('250-here\r\n250 STARTTLS'), STARTTLS: say('502 not now') } },
    ],
    ['530 to MAIL FROM', { answers: { MAIL: say('530 5.7.0 Authentication required') } }],
    ['535 to MAIL FROM', { answers: { MAIL: say('535 5.7.8 Bad credentials') } }],
    ['530 to RCPT TO', { answers: { RCPT: say('530 5.7.0 Must issue STARTTLS first') } }],
    ['503 to MAIL FROM', { answers: { MAIL: say('503 5.5.1 Log in first') } }],
    ['451 to RCPT TO', { answers: { RCPT: say('451 4.3.0 Later') } }],
  ])('%s', async (_what, script) => {
    await start(script);
    expect(await transport.send(mail)).toMatchObject({ kind: 'later' });
  });

  test.each<[string, Script]>([
    ['550 to MAIL FROM', { answers: { MAIL: say('550 5.7.1 Not this sender') } }],
    ['550 to RCPT TO', { answers: { RCPT: say('550 5.1.1 No such mailbox') } }],
    ['554 to the content', { answers: { content: say('554 5.7.1 Spam') } }],
  ])('but %s does', async (_what, script) => {
    await start(script);
    expect(await transport.send(mail)).toMatchObject({ kind: 'refused' });
  });
});

describe('a mail whose content the server got', () => {
  test.each<[string, Script]>([
    ['is silent', { answers: { content: silence } }],
    ['hangs up', { answers: { content: hangUp } }],
    ['answers out of turn', { answers: { content: () => '354 go ahead' } }],
  ])('stays in doubt where it then %s', async (_what, script) => {
    await start(script);
    expect(await transport.send(mail)).toMatchObject({ kind: 'unknown' });
    expect(server.heard).toContain('content');
  });
});

describe('a sending that takes too long in all is given up', () => {
  const slowly = (line: string) => (socket: Socket) => {
    setTimeout(() => socket.writable && socket.write(`${line}\r\n`), 200);
    return undefined;
  };
  const timed = async () => {
    const begin = Date.now();
    const outcome = await transport.send(mail);
    return { ...outcome, took: Date.now() - begin };
  };

  test('where every single answer comes in time', async () => {
    const answers = {
      EHLO: slowly('250 here'),
      MAIL: slowly('250 fine'),
      RCPT: slowly('250 fine'),
    };
    await start({ greeting: slowly('220 here'), answers }, { connect: 1_000, inAll: 500 });
    const { kind, took } = await timed();
    expect(kind).toBe('later');
    expect(took).toBeLessThan(5_000);
    await sleep(600);
    expect(server.heard).not.toContain('DATA');
  });

  test('where the server never finishes its last answer; it may have taken the mail', async () => {
    let trickle: NodeJS.Timeout | undefined;
    const content = (socket: Socket) => {
      trickle = setInterval(() => socket.writable && socket.write('250-still\r\n'), 50);
      return undefined;
    };
    await start({ answers: { content } }, { inAll: 600 });
    const { kind, took } = await timed();
    clearInterval(trickle);
    expect(kind).toBe('unknown');
    expect(took).toBeLessThan(5_000);
  });

  test('while it waits for a free connection, and does not go out afterwards', async () => {
    let stuck = 0;
    let connections = 0;
    // The five connections of the pool hang after their mail; whatever comes over another one is taken.
    const content = () => ((stuck += 1) <= 5 ? undefined : '250 fine');
    // Their time is over together: a connection that comes free then is of no use any more to who waits.
    const greeting = (socket: Socket) => {
      if ((connections += 1) <= 5) return '220 here';
      setTimeout(() => socket.writable && socket.write('220 here\r\n'), 1_000);
      return undefined;
    };
    await start(
      { greeting, answers: { content } },
      { connect: 5_000, answer: 10_000, inAll: 3_000 },
    );
    const outcomes = await Promise.all(Array.from({ length: 6 }, () => transport.send(mail)));
    expect(outcomes.map(({ kind }) => kind)).toEqual([
      ...Array.from({ length: 5 }, () => 'unknown'),
      'later',
    ]);
    await sleep(1_500);
    expect(server.heard.filter((command) => command === 'content')).toHaveLength(5);
    expect(await transport.send(mail)).toEqual({ kind: 'sent' });
  });
});
