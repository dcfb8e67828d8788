import { randomUUID } from 'node:crypto';
import type { TestApp } from './test-app';
import { waitFor } from './wait-for';

/** A marketplace token as the sample backend reads it: a JWT whose payload names its sid. */
export function marketplaceToken(sid: string = randomUUID()): string {
  const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  return `${part({ alg: 'ES256', typ: 'JWT' })}.${part({ sid, iat: 1_700_000_000 })}.c2lnbmF0dXJl`;
}

/** What the system logged last, for a failing test. */
export function lastLogs(app: TestApp): string {
  return app.logs.slice(-15).join('');
}

/** An invited customer. */
export interface Invited {
  readonly inviteId: string;
  readonly clientId: string;
  readonly jobId: string;
  readonly token: string;
  readonly email: string;
  readonly spreadsheetId: string;
}

/** Invites a customer with everything that the steps need, unless told otherwise. */
export async function invite(
  app: TestApp,
  overrides: Record<string, unknown> = {},
): Promise<Invited> {
  const unique = randomUUID().slice(0, 8);
  const email = `anna-${unique}@example.com`;
  const spreadsheetId = `sheet-${unique}`;
  const { status, body } = await app.call('POST', '/onboarding/invites', {
    body: {
      email,
      name: 'Anna Example',
      tenant: { slug: `acme-${unique}`, name: `Acme ${unique}` },
      workspace: { spreadsheet_id: spreadsheetId, owner_email: email },
      wb_token: marketplaceToken(),
      ...overrides,
    },
  });
  if (status !== 201)
    throw new Error(
      `The invite was answered ${String(status)}: ${JSON.stringify(body)}\n${lastLogs(app)}`,
    );
  return {
    inviteId: body.invite_id,
    clientId: body.client_id,
    jobId: body.job_id,
    token: String(body.activation_link).split('/').at(-1) ?? '',
    email: typeof overrides['email'] === 'string' ? overrides['email'] : email,
    spreadsheetId,
  };
}

/** Accepts an invite without a password. */
export async function accept(app: TestApp, invited: Pick<Invited, 'token'>): Promise<void> {
  const { status, body } = await app.call('POST', `/onboarding/invites/${invited.token}/accept`, {
    anonymous: true,
    body: { accept_terms: true },
  });
  if (status !== 200)
    throw new Error(`The accept was answered ${String(status)}: ${JSON.stringify(body)}`);
}

/** Waits until an onboarding is in one of the states, and returns its detail. */
export async function untilState(
  app: TestApp,
  jobId: string,
  states: readonly string[],
  seconds = 30,
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- tests look into answers freely
): Promise<any> {
  return waitFor(
    `The onboarding in state ${states.join(' or ')}`,
    async () => (await app.call('GET', `/onboarding/jobs/${jobId}`)).body,
    (job: { status: string }) => states.includes(job.status),
    seconds,
  );
}
