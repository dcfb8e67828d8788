import { Client } from 'pg';
import { formTokenOf, guestOf } from '../pages/visitor';
import { rawHistories } from '../support/histories';
import { invite, marketplaceToken, untilState } from '../support/journey';
import type { Invited } from '../support/journey';
import { startTestApp } from '../support/test-app';
import type { TestAnswer, TestApp, TestRequest } from '../support/test-app';
import { findTraces } from '../support/traces';
import type { Haystack, Needle } from '../support/traces';
import { waitFor } from '../support/wait-for';

const domain = 'people.secrecy.example';
const password = 'seven quiet boats at dusk';
const tokens = new Set<string>();
const problems: Haystack[] = [];

let app: TestApp;
let key: string;

beforeAll(async () => {
  app = await startTestApp({ env: { OPERATORS_MAIL: `operators@${domain}`, DATABASE_POOL: '5' } });
  key = await app.keyFor('owner');
  await wholeRun();
}, 120_000);

afterAll(async () => {
  await app.stop();
}, 60_000);

/** Calls the API and keeps what it refuses. */
async function call(method: string, path: string, request: TestRequest = {}): Promise<TestAnswer> {
  const answer = await app.call(method, path, { key, ...request });
  if (answer.status >= 400) {
    problems.push({ place: `the answer ${answer.body.code}`, text: JSON.stringify(answer.body) });
  }
  return answer;
}

async function someone(name: string, overrides: Record<string, unknown> = {}): Promise<Invited> {
  const invited = await invite(app, { email: `${name}@${domain}`, ...overrides });
  tokens.add(invited.token);
  return invited;
}

/** A marketplace token that nobody may see. */
function secretToken(): string {
  const token = marketplaceToken();
  tokens.add(token);
  return token;
}

async function mailFault(match: string): Promise<void> {
  await fetch(`${app.mailbox.url}/api/faults`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ mode: 'reject-550', match }),
  });
}

/** One customer from the invite to a rotated token, with a wrong token, a fix, a password, a login link on the way. */
async function wholeRun(): Promise<void> {
  const anna = await someone('anna', { wb_token: undefined });
  const guest = guestOf(app.url);
  const accepted = await guest.send(
    { path: `/invite/${anna.token}` },
    { name: 'Anna', sign_in: 'password', password, accept_terms: 'true', action: 'accept' },
  );
  expect(accepted.status).toBe(303);
  const malformed = 'eyJhbGciOiJub25lIn0.bm8tanNvbi1oZXJlLWF0LWFsbA';
  tokens.add(malformed);
  await call('POST', '/onboarding/wb-tokens', {
    body: { client_id: anna.clientId, wb_token: malformed },
  });
  await untilState(app, anna.jobId, ['failed']);
  await call('POST', `/onboarding/jobs/${anna.jobId}/fix`, {
    body: { wb_token: secretToken(), reason: 'They sent another one' },
  });
  await untilState(app, anna.jobId, ['active']);
  await call('POST', '/onboarding/wb-tokens/rotate', {
    body: { client_id: anna.clientId, wb_token: secretToken(), reason: 'Once a year' },
  });
  const signIn = await guestOf(app.url).get('/sign-in');
  await guest.post('/sign-in', {
    ...{ form_token: formTokenOf(signIn), email: anna.email, password },
    action: 'password',
  });
  await call('POST', '/auth/link', { anonymous: true, body: { email: anna.email } });
  tokens.add(await loginToken(anna.email));
  for (const value of guest.cookies.values()) tokens.add(decodeURIComponent(value));
  await refusals(anna);
  await bounce();
  await databaseErrors();
}

async function loginToken(email: string): Promise<string> {
  const link = await waitFor(
    'The mail with the login link',
    async () => {
      const answer = await fetch(`${app.mailbox.url}/api/messages?to=${encodeURIComponent(email)}`);
      const mails = (await answer.json()) as { text: string }[];
      return mails.map(({ text }) => /\/login\/([\w-]{43})/.exec(text)?.[1]).find(Boolean);
    },
    (found) => found !== undefined,
  );
  return link ?? '';
}

/** What is refused, with something in the request that must not come back. */
async function refusals(anna: Invited): Promise<void> {
  const body = { email: anna.email, tenant_id: anna.clientId };
  await call('POST', '/onboarding/invites', { body });
  await call('POST', '/onboarding/invites', { body: { ...body, nickname: `anna@${domain}` } });
  await call('POST', '/onboarding/invites', { body: { email: `two@@${domain}` } });
  await call('GET', `/onboarding/jobs?email=${anna.email}&cursor=${anna.token}`);
  const again = { anonymous: true, body: { accept_terms: true, password } };
  await call('POST', `/onboarding/invites/${anna.token}/accept`, again);
  await call('POST', '/auth/login', {
    anonymous: true,
    body: { email: anna.email, password: `${password}!` },
  });
}

/** The mail server refuses a recipient with words that name them. */
async function bounce(): Promise<void> {
  await mailFault('bruno@');
  const bruno = await someone('bruno');
  await waitFor(
    'The bounce',
    async () => (await call('GET', `/onboarding/invites/${bruno.inviteId}`)).body,
    (shown: { mail_status: string }) => shown.mail_status === 'bounced',
  );
}

/** Has the database refuse inserts into a table with words that name an address, for as long as the work takes. */
async function telltale(table: string, work: () => Promise<void>): Promise<void> {
  const database = new Client({ connectionString: app.database.superUrl });
  await database.connect();
  try {
    await database.query(`create function telltale() returns trigger language plpgsql as $$ begin
        raise unique_violation using message = 'duplicate key',
          detail = 'Key (email)=(carla@${domain}) already exists.';
      end $$`);
    await database.query(
      `create trigger telltale before insert on ${table} for each row execute function telltale()`,
    );
    await work();
  } finally {
    await database.query('drop function telltale cascade');
    await database.end();
  }
}

/** A request, and then an activity, meet such an error. */
async function databaseErrors(): Promise<void> {
  const carla = await someone('carla');
  const accept = () =>
    call('POST', `/onboarding/invites/${carla.token}/accept`, {
      anonymous: true,
      body: { accept_terms: true },
    });
  await telltale('users', async () => {
    expect((await accept()).body.code).toBe('internal');
  });
  await telltale('step_attempts', async () => {
    expect((await accept()).status).toBe(200);
    await waitFor(
      'The failure of an activity',
      () => app.logs.join(''),
      (logged) => logged.includes('Activity runStep failed'),
    );
  });
  await untilState(app, carla.jobId, ['active']);
}

/** Everything that was configured and nobody may see. */
function needles(): Needle[] {
  const configured = ['KEYS_HASH_PEPPER', 'SECRETS_KEY_RING', 'COOKIE_SECRET'].map((name) => ({
    what: name,
    text: (process.env[name] ?? '').slice('p1:'.length),
  }));
  return [
    ...configured,
    { what: 'the database password', text: new URL(app.database.appUrl).password },
    { what: 'a service key', text: key },
    { what: 'a password', text: password },
    { what: 'an e-mail address', text: domain },
  ];
}

const tracesIn = (haystacks: readonly Haystack[]): string[] =>
  findTraces(haystacks, { parts: needles(), tokens });

describe('no secret, token or address of a whole run is found', () => {
  it('in any line that was logged', () => {
    const logged = app.logs.join('');
    expect(logged).toContain('error 23505');
    expect(tracesIn([{ place: 'the log', text: logged }])).toEqual([]);
  });

  it('in any history that Temporal keeps', async () => {
    const histories: Haystack[] = [];
    const { client } = app.deps.temporal;
    for await (const { workflowId, text } of rawHistories(
      client,
      `TaskQueue = '${app.deps.env.TASK_QUEUE}'`,
    )) {
      histories.push({ place: `the history of ${workflowId}`, text });
    }
    expect(histories.length).toBeGreaterThanOrEqual(4);
    expect(histories.some(({ text }) => text.includes('error 23505'))).toBe(true);
    expect(tracesIn(histories)).toEqual([]);
  });

  it('in any metric', async () => {
    const text = await app.deps.metrics.registry.metrics();
    expect(text).toContain('onboarding_invites_total{status="bounced"} 1');
    expect(tracesIn([{ place: 'the metrics', text }])).toEqual([]);
  });

  it('in any problem that was answered', () => {
    expect(problems.length).toBeGreaterThanOrEqual(7);
    expect(tracesIn(problems)).toEqual([]);
  });
});
