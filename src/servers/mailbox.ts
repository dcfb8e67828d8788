/**
 * The mailbox of development and tests: a mail server that keeps whatever is sent, a page that
 * shows it, and a small API. As a process: `node mailbox.js --http-port N --smtp-port N [--state
 * FILE]`, which prints one JSON line when it is ready.
 */
import { randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { parseArgs } from 'node:util';
import { z } from 'zod';
import { createFaults, faultSchema, type Faults } from './mailbox-faults';
import { mailBody, mailboxPage, type MailView } from './mailbox-page';
import { startSmtpSink } from './mailbox-smtp';
import { createMailStore, type Mail, type MailStore } from './mailbox-store';

/** A running mailbox. */
export interface Mailbox {
  readonly url: string;
  readonly smtpUrl: string;
  /** The mails so far, oldest first. */
  messages(): readonly Mail[];
  stop(): Promise<void>;
}

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
  readonly policy: string;
}

interface Deps {
  readonly store: MailStore;
  readonly faults: Faults;
  readonly smtpUrl: () => string;
}

const closedPolicy =
  "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
/** Of a mail's own document: it may look as it likes, and do nothing. */
const bodyPolicy =
  "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'self'; sandbox allow-popups allow-popups-to-escape-sandbox";

const json = (status: number, value: unknown): Answer => ({
  status,
  type: 'application/json',
  body: `${JSON.stringify(value)}\n`,
  policy: closedPolicy,
});

function page(deps: Deps, open?: { mail: Mail; view: MailView }): Answer {
  const nonce = randomBytes(16).toString('base64');
  return {
    status: 200,
    type: 'text/html; charset=utf-8',
    body: mailboxPage(deps.store.list(), open, { nonce, smtpUrl: deps.smtpUrl() }),
    policy: `${closedPolicy}; style-src 'nonce-${nonce}'; script-src 'nonce-${nonce}'; connect-src 'self'; frame-src 'self'; img-src data:`,
  };
}

function showMail(deps: Deps, [, id = '', part]: readonly string[], asked: string | null): Answer {
  const mail = deps.store.find(id);
  if (!mail) return json(404, { error: 'no such mail' });
  if (part === 'body') {
    return {
      status: 200,
      type: 'text/html; charset=utf-8',
      body: mailBody(mail),
      policy: bodyPolicy,
    };
  }
  const views: readonly MailView[] =
    mail.html === '' ? ['text', 'headers'] : ['html', 'text', 'headers'];
  const view = views.find((name) => name === asked) ?? views[0] ?? 'text';
  return page(deps, { mail, view });
}

async function readJsonBody(request: IncomingMessage): Promise<unknown> {
  if (!/^application\/json\b/.test(request.headers['content-type'] ?? '')) return undefined;
  let text = '';
  for await (const chunk of request) {
    text += String(chunk);
    if (text.length > 65_536) return undefined;
  }
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

async function addFault(deps: Deps, request: IncomingMessage): Promise<Answer> {
  const parsed = faultSchema.safeParse(await readJsonBody(request));
  if (!parsed.success) return json(400, { error: z.prettifyError(parsed.error) });
  deps.faults.add(parsed.data);
  return json(201, parsed.data);
}

async function answer(deps: Deps, request: IncomingMessage): Promise<Answer> {
  // A web page of somebody else must neither read the mails (by a name that resolves to this
  // machine) nor delete them.
  const host = (request.headers.host ?? '').replace(/:\d+$/, '');
  if (!['localhost', '127.0.0.1', '[::1]'].includes(host))
    return json(421, { error: 'unknown host' });
  const site = request.headers['sec-fetch-site'];
  const method = request.method ?? 'GET';
  if (site === 'cross-site' && method !== 'GET') return json(403, { error: 'cross-site request' });

  const url = new URL(request.url ?? '/', 'http://localhost');
  const mailPath = /^\/mails\/([\w-]+)(?:\/(body))?$/.exec(url.pathname);
  if (mailPath && method === 'GET') return showMail(deps, mailPath, url.searchParams.get('view'));
  switch (`${method} ${url.pathname}`) {
    case 'GET /':
      return page(deps);
    case 'GET /api/messages': {
      const to = url.searchParams.get('to');
      const mails = deps.store.list();
      return json(200, to === null ? mails : mails.filter((mail) => mail.to.includes(to)));
    }
    case 'GET /api/newest':
      return json(200, { id: deps.store.list().at(-1)?.id ?? '' });
    case 'DELETE /api/messages':
      deps.store.clear();
      return json(200, { deleted: true });
    case 'GET /api/faults':
      return json(200, deps.faults.list());
    case 'POST /api/faults':
      return addFault(deps, request);
    case 'DELETE /api/faults':
      deps.faults.clear();
      return json(200, { deleted: true });
    default:
      return json(404, { error: 'no such page' });
  }
}

function send(response: ServerResponse, { status, type, body, policy }: Answer): void {
  response.writeHead(status, {
    'content-type': type,
    'content-security-policy': policy,
    'cache-control': 'no-store',
    'referrer-policy': 'no-referrer',
    'x-content-type-options': 'nosniff',
  });
  response.end(body);
}

function listen(server: Server, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
  });
}

/** Starts a mailbox; port 0 takes any free one. With a file, mails outlive the process. */
export async function startMailbox(
  options: { httpPort?: number; smtpPort?: number; stateFile?: string } = {},
): Promise<Mailbox> {
  const store = createMailStore(options.stateFile);
  const faults = createFaults();
  const smtp = await startSmtpSink(options.smtpPort ?? 0, store, faults);
  const smtpUrl = `smtp://127.0.0.1:${String(smtp.port)}`;
  const server = createServer((request, response) => {
    answer({ store, faults, smtpUrl: () => smtpUrl }, request).then(
      (found) => send(response, found),
      (error: unknown) => send(response, json(500, { error: String(error) })),
    );
  });
  try {
    const port = await listen(server, options.httpPort ?? 0);
    return {
      url: `http://127.0.0.1:${String(port)}`,
      smtpUrl,
      messages: () => store.list(),
      stop: async () => {
        await smtp.close();
        await new Promise((resolve) => {
          server.close(resolve);
          server.closeAllConnections();
        });
      },
    };
  } catch (error) {
    await smtp.close();
    throw error;
  }
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      'http-port': { type: 'string' },
      'smtp-port': { type: 'string' },
      state: { type: 'string' },
    },
  });
  const mailbox = await startMailbox({
    httpPort: Number(values['http-port'] ?? 0),
    smtpPort: Number(values['smtp-port'] ?? 0),
    ...(values.state === undefined ? {} : { stateFile: values.state }),
  });
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => void mailbox.stop().then(() => process.exit(0)));
  }
  process.stdout.write(`${JSON.stringify({ url: mailbox.url, smtp_url: mailbox.smtpUrl })}\n`);
}

if (require.main === module) {
  main().catch((error: unknown) => {
    process.stderr.write(`${String(error)}\n`);
    process.exitCode = 1;
  });
}
