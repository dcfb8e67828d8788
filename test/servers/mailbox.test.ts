import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { join } from 'node:path';
import { createTransport } from 'nodemailer';
import { startMailbox, type Mailbox } from '../../src/servers/mailbox';
import { createMailStore, mailboxLimits, type Mail } from '../../src/servers/mailbox-store';
import { buildSources } from '../support/start-servers';
import { newStateFolder, removeStateFolder } from './state-folder';

let mailbox: Mailbox;

beforeEach(async () => {
  mailbox = await startMailbox();
});
afterEach(() => mailbox.stop());

function send(
  to: string | string[],
  mail: Record<string, unknown> = {},
): Promise<{ response: string }> {
  const transport = createTransport(mailbox.smtpUrl);
  const message = {
    from: 'Usher <no-reply@usher.localhost>',
    to,
    subject: 'Hello',
    text: 'Text',
    ...mail,
  };
  return (transport.sendMail(message) as Promise<{ response: string }>).finally(() =>
    transport.close(),
  );
}

const get = (path: string) => fetch(`${mailbox.url}${path}`, { headers: { connection: 'close' } });
const listed = async (path = '/api/messages') => (await (await get(path)).json()) as Mail[];
const fault = (body: unknown) =>
  fetch(`${mailbox.url}/api/faults`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', connection: 'close' },
    body: JSON.stringify(body),
  });

describe('GET /api/messages', () => {
  it('lists what was sent to any recipient, newest last, with text, HTML and headers', async () => {
    await send('ada@example.com', { messageId: '<one@usher.localhost>', html: '<p>Hällo</p>' });
    await send(['bo@example.com', 'cy@example.com'], { subject: 'Приглашение', text: 'Привет' });
    const [first, second] = await listed();
    expect(first).toMatchObject({
      to: 'ada@example.com',
      from: 'no-reply@usher.localhost',
      subject: 'Hello',
      message_id: '<one@usher.localhost>',
    });
    expect(first?.text.trim()).toBe('Text');
    expect(first?.html.trim()).toBe('<p>Hällo</p>');
    expect(first?.headers).toContainEqual({ name: 'Message-ID', value: '<one@usher.localhost>' });
    expect(Date.parse(first?.at ?? '')).toBeGreaterThan(0);
    expect(second).toMatchObject({ to: 'bo@example.com, cy@example.com', subject: 'Приглашение' });
    expect(await listed('/api/messages?to=ada%40example.com')).toHaveLength(1);
  });

  it('is empty after DELETE', async () => {
    await send('ada@example.com');
    await fetch(`${mailbox.url}/api/messages`, {
      method: 'DELETE',
      headers: { connection: 'close' },
    });
    expect(await listed()).toEqual([]);
  });

  it('answers 421 to a foreign host name, so that no web page can read the mails', async () => {
    const { port } = new URL(mailbox.url);
    const status = await new Promise((resolve, reject) => {
      httpRequest({
        port,
        host: '127.0.0.1',
        path: '/api/messages',
        headers: { host: 'evil.example' },
      })
        .on('response', (response) => {
          response.resume();
          resolve(response.statusCode);
        })
        .on('error', reject)
        .end();
    });
    expect(status).toBe(421);
  });

  it('answers 403 to a change that a foreign web page asks for', async () => {
    const response = await fetch(`${mailbox.url}/api/messages`, {
      method: 'DELETE',
      headers: { 'sec-fetch-site': 'cross-site', connection: 'close' },
    });
    expect(response.status).toBe(403);
  });
});

describe('the pages', () => {
  it('show hostile mail as text, and its HTML only in a frame that may run nothing', async () => {
    await send('ada@example.com', {
      subject: '<script>alert(1)</script>',
      text: 'See http://localhost:8090/invite/x?a=1&b=2. <b>',
      html: '<p>Hi</p><script>alert(2)</script>',
    });
    const [mail] = await listed();
    const page = await get(`/mails/${mail?.id ?? ''}`);
    const html = await page.text();
    expect(html).not.toContain('alert(1)</script>');
    expect(html).not.toContain('alert(2)');
    expect(html).toContain('sandbox="allow-popups allow-popups-to-escape-sandbox"');
    expect(page.headers.get('content-security-policy')).not.toContain('unsafe');
    const body = await get(`/mails/${mail?.id ?? ''}/body`);
    expect(body.headers.get('content-security-policy')).toMatch(
      /default-src 'none'.*sandbox allow-popups/,
    );
    const text = await (await get(`/mails/${mail?.id ?? ''}?view=text`)).text();
    expect(text).toContain('href="http://localhost:8090/invite/x?a=1&amp;b=2"');
    expect(text).toContain('&lt;b&gt;');
  });

  it('answer 404 for what is not there', async () => {
    expect((await get('/mails/nothing')).status).toBe(404);
    expect((await get('/nothing')).status).toBe(404);
  });
});

describe('POST /api/faults', () => {
  it('refuses a recipient for good as often as asked, and others not', async () => {
    await fault({ mode: 'reject-550', match: 'ada@', times: 1 });
    await expect(send('ada@example.com')).rejects.toMatchObject({ responseCode: 550 });
    await send('bo@example.com');
    await send('ada@example.com');
    expect(await listed()).toHaveLength(2);
  });

  it('refuses for now until faults are cleared', async () => {
    await fault({ mode: 'tempfail-451' });
    await expect(send('ada@example.com')).rejects.toMatchObject({ responseCode: 451 });
    await expect(send('ada@example.com')).rejects.toMatchObject({ responseCode: 451 });
    await fetch(`${mailbox.url}/api/faults`, {
      method: 'DELETE',
      headers: { connection: 'close' },
    });
    await send('ada@example.com');
  });

  it('takes a mail and hangs up before it says so', async () => {
    await fault({ mode: 'drop-after-data', times: 1 });
    await expect(send('ada@example.com')).rejects.toThrow('Connection closed');
    expect(await listed()).toHaveLength(1);
  });

  it('answers late', async () => {
    await fault({ mode: 'slow', times: 1, delay_ms: 150 });
    const before = performance.now();
    await send('ada@example.com');
    expect(performance.now() - before).toBeGreaterThan(140);
  });

  it('answers 400 to a fault that it does not know', async () => {
    expect((await fault({ mode: 'explode' })).status).toBe(400);
    expect((await fault('nonsense')).status).toBe(400);
    expect(await listed('/api/faults')).toEqual([]);
  });
});

describe('a mail server for tests', () => {
  it('refuses a mail of more than ten megabytes and goes on', async () => {
    const large = 'x'.repeat(11 * 1024 * 1024);
    await expect(send('ada@example.com', { text: large })).rejects.toMatchObject({
      responseCode: 552,
    });
    await send('ada@example.com');
  });
});

describe('the store', () => {
  const raw = Buffer.from('From: a@b.c\r\nSubject: One\r\n\r\nText\r\n');
  let folder: string;

  beforeEach(() => {
    folder = newStateFolder();
  });
  afterEach(() => removeStateFolder(folder));

  it('outlives its process, also where the last line was cut short', async () => {
    const file = join(folder, 'mails.jsonl');
    const mail = await createMailStore(file).receive(raw, ['ada@example.com']);
    appendFileSync(file, '{"id":"cut');
    const later = createMailStore(file);
    expect(later.list()).toEqual([mail]);
    await later.receive(raw, ['bo@example.com']);
    expect(createMailStore(file).list()).toHaveLength(2);
  });

  it(`keeps the newest ${String(mailboxLimits.mails)} mails`, async () => {
    const store = createMailStore();
    for (let count = 0; count <= mailboxLimits.mails; count += 1) {
      await store.receive(raw, [`${String(count)}@example.com`]);
    }
    expect(store.list()).toHaveLength(mailboxLimits.mails);
    expect(store.list()[0]?.to).toBe('1@example.com');
  });

  it('keeps a message that is no mail as text', async () => {
    const store = createMailStore();
    const mail = await store.receive(Buffer.from([0xff, 0x00, 0x0d, 0x0a]), ['ada@example.com']);
    expect(store.find(mail.id)?.to).toBe('ada@example.com');
  });
});

describe('the process', () => {
  beforeAll(buildSources);

  it('prints one JSON line when it is ready and ends on SIGTERM', async () => {
    const program = join(__dirname, '..', '..', 'dist', 'src', 'servers', 'mailbox.js');
    const child = spawn(process.execPath, [program], { stdio: ['ignore', 'pipe', 'inherit'] });
    const [line] = (await once(child.stdout.setEncoding('utf8'), 'data')) as [string];
    const { url, smtp_url } = JSON.parse(line) as { url: string; smtp_url: string };
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    expect(smtp_url).toMatch(/^smtp:\/\/127\.0\.0\.1:\d+$/);
    child.kill('SIGTERM');
    expect(await once(child, 'close')).toEqual([0, null]);
  });
});
