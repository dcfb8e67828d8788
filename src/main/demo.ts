import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { z } from 'zod';
import type { ApiKeyIssued } from '../contracts/api-keys';
import type { InviteCreated } from '../contracts/invites';
import type { ClientStatus } from '../contracts/jobs';
import type { RunFile } from '../servers/run-file';
import type { Mail } from '../servers/mailbox-store';
import { SetupError } from '../servers/setup-error';
import { createVisitor, findForm, type Visitor } from './browser';
import type { Terminal } from './terminal';

/**
 * Longest wait for a mail or for a step, in milliseconds; a healthy system needs a fraction of a
 * second.
 */
const patienceMs = 60_000;

type Invited = z.output<typeof InviteCreated>;
type Status = z.output<typeof ClientStatus>;
type Issued = z.output<typeof ApiKeyIssued>;

interface Customer {
  readonly name: string;
  readonly email: string;
  readonly company: string;
  readonly slug: string;
  readonly spreadsheet: string;
  readonly password: string;
}

function newCustomer(): Customer {
  const tag = randomBytes(3).toString('hex');
  return {
    name: 'Ada Example',
    email: `ada.${tag}@example.com`,
    company: 'Example Trading',
    slug: `example-${tag}`,
    spreadsheet: `sheet-${tag}`,
    password: randomBytes(18).toString('base64url'),
  };
}

/**
 * A token of the form that marketplaces issue: a JWT whose payload names the seller. Its signature
 * means nothing.
 */
function marketplaceToken(): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const payload = { sid: crypto.randomUUID(), iat: Math.floor(Date.now() / 1000) };
  return `${part({ alg: 'ES256', typ: 'JWT' })}.${part(payload)}.${randomBytes(32).toString('base64url')}`;
}

async function failure(what: string, response: Response): Promise<SetupError> {
  const body = (await response.text()).slice(0, 600);
  return new SetupError(
    `${what} was answered with ${String(response.status)}.\n${body}`,
    'The logs of the API and the worker are in .usher/logs.',
  );
}

async function until<T>(what: string, look: () => Promise<T | null | undefined>): Promise<T> {
  const deadline = performance.now() + patienceMs;
  for (;;) {
    const found = await look();
    if (found !== null && found !== undefined) return found;
    if (performance.now() > deadline) {
      throw new SetupError(
        `${what} did not happen within ${String(patienceMs / 1000)} s.`,
        'bin/usher onboarding list shows where it stands; the logs are in .usher/logs.',
      );
    }
    await sleep(25);
  }
}

function operator({ api, owner_key }: Pick<RunFile, 'api' | 'owner_key'>) {
  const headers = { 'X-Api-Key': owner_key, 'content-type': 'application/json' };
  return {
    get: (path: string) => fetch(`${api.url}${path}`, { headers }),
    post: (path: string, body: object) =>
      fetch(`${api.url}${path}`, { method: 'POST', headers, body: JSON.stringify(body) }),
  };
}

async function invite(run: RunFile, customer: Customer): Promise<Invited> {
  const response = await operator(run).post('/onboarding/invites', {
    email: customer.email,
    name: customer.name,
    tenant: { slug: customer.slug, name: customer.company },
    workspace: { spreadsheet_id: customer.spreadsheet, owner_email: customer.email },
    wb_token: marketplaceToken(),
  });
  if (response.status !== 201) throw await failure('The invite', response);
  return (await response.json()) as Invited;
}

function mailTo(mailbox: string, email: string): Promise<Mail> {
  return until('The arrival of the invite mail', async () => {
    const response = await fetch(`${mailbox}/api/messages?to=${encodeURIComponent(email)}`);
    return ((await response.json()) as Mail[])[0];
  });
}

function linkIn(mail: Mail): string {
  const link = /https?:\/\/\S+\/invite\/[\w-]+/.exec(mail.text)?.[0];
  if (link === undefined) throw new SetupError('The mail holds no link to the invite.', mail.text);
  return link;
}

async function accept(
  visitor: Visitor,
  link: string,
  page: string,
  customer: Customer,
): Promise<string> {
  const form = findForm(page, 'accept');
  if (form === null) throw new SetupError('The invite page holds no form to accept.', link);
  form.fields.set('name', customer.name);
  form.fields.set('sign_in', 'password');
  form.fields.set('password', customer.password);
  form.fields.set('accept_terms', 'true');
  const response = await visitor.submit(link, form);
  if (response.status !== 303 && response.status !== 302)
    throw await failure('The accept form', response);
  return response.headers.get('location') ?? '';
}

/**
 * Follows the onboarding to its end and prints each provisioning step when it is done, with the
 * time since the one before.
 */
async function follow(run: RunFile, clientId: string, terminal: Terminal): Promise<void> {
  const shown = new Set<string>();
  let last = performance.now();
  await until('The activation of the tenant', async () => {
    const response = await operator(run).get(`/onboarding/clients/${clientId}/status`);
    if (!response.ok) throw await failure('The status', response);
    const status = (await response.json()) as Status;
    for (const { key, label, status: state } of status.steps) {
      if (state !== 'done' || shown.has(key)) continue;
      shown.add(key);
      terminal.done(label, '', performance.now() - last);
      last = performance.now();
    }
    if (status.last_error) {
      const { code, title, next } = status.last_error;
      throw new SetupError(
        `The onboarding stopped at ${status.step ?? 'a step'}: ${title} (${code}).`,
        next,
      );
    }
    return status.status === 'active' ? true : null;
  });
}

async function issueKey(run: RunFile, clientId: string): Promise<Issued> {
  const response = await operator(run).post('/v1/api-keys', {
    tenant_id: clientId,
    name: 'first key',
    scopes: ['whoami', 'products:read'],
  });
  if (response.status !== 201) throw await failure('The order of an API key', response);
  return (await response.json()) as Issued;
}

interface Verdict {
  readonly valid: boolean;
  readonly code: string;
  readonly tenant_slug: string;
}

/**
 * Asks as a gateway would whether the key is good, and once more for as long as nobody can know: a machine that is
 * setting itself up may need longer than the second within which a verification answers.
 */
export function verifyKey(run: Pick<RunFile, 'api' | 'owner_key'>, key: string): Promise<Verdict> {
  return until('The verification of the new key', async () => {
    const response = await operator(run).post('/v1/internal/api-keys/verify', {
      key,
      scopes: ['products:read'],
    });
    if (!response.ok) throw await failure('The verification', response);
    const verdict = (await response.json()) as Verdict;
    if (verdict.valid) return verdict;
    if (verdict.code === 'UNAVAILABLE') return null;
    throw new SetupError(
      `The new key does not verify: ${verdict.code}.`,
      'The logs of the API are in .usher/logs.',
    );
  });
}

/**
 * Plays the main job over HTTP and SMTP as people would: an operator invites a customer, the mail
 * arrives, its link is opened and accepted, the tenant becomes active, and its first API key is issued
 * and verifies. Throws a SetupError with the reason when any of it fails.
 */
export async function playDemo(run: RunFile, terminal: Terminal): Promise<void> {
  const { mailbox } = run;
  const { url: mailboxUrl } = mailbox;
  if (mailboxUrl === null) {
    throw new SetupError(
      'The demo reads the invite mail from its own mailbox, and SMTP_URL names another mail server.',
      'Unset SMTP_URL, or use bin/dev.',
    );
  }
  const customer = newCustomer();
  const visitor = createVisitor();
  const invited = await terminal.step(
    'invite created',
    () => invite(run, customer),
    () => `${customer.email} → ${customer.slug}`,
  );
  const mail = await terminal.step(
    'mail arrived',
    () => mailTo(mailboxUrl, customer.email),
    ({ subject }) => subject,
  );
  const link = linkIn(mail);
  const page = await terminal.step(
    'link opened',
    async () => {
      const response = await visitor.open(link);
      if (response.status !== 200) throw await failure('The invite page', response);
      return response.text();
    },
    () => '/invite/…',
  );
  const acceptedAt = performance.now();
  await terminal.step(
    'invite accepted',
    () => accept(visitor, link, page, customer),
    (to) => `→ ${to}`,
  );
  await follow(run, invited.client_id, terminal);
  terminal.done('tenant active', customer.company, performance.now() - acceptedAt);
  const key = await terminal.step(
    'API key issued',
    () => issueKey(run, invited.client_id),
    ({ prefix }) => `${prefix}…`,
  );
  await terminal.step(
    'API key verified',
    () => verifyKey(run, key.plaintext ?? ''),
    ({ code, tenant_slug: slug }) => `${code} for ${slug}`,
  );
}
