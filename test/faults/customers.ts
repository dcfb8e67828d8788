import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ProblemCode } from '../../src/errors/problems';
import { marketplaceToken } from '../support/journey';
import type { Scene } from './scene';

/** A customer of a run. */
export interface Customer {
  /** The case that they belong to. */
  readonly story: string;
  readonly inviteId: string;
  readonly clientId: string;
  readonly jobId: string;
  readonly token: string;
  readonly email: string;
  readonly spreadsheetId: string;
  /** Where the onboarding has to end; `active` unless said otherwise. */
  readonly ends?: 'rolled_back';
  /** The problem for which it has to park on the way; unless said otherwise it must not. */
  readonly parks?: ProblemCode;
  /** Their mails are refused for good. */
  readonly bounces?: boolean;
}

/** The part of every address of a run by which it is found where it must not be. */
export const addressDomain = 'customers.example';

/** Longest time for which a request is repeated while parts of the system are down. */
const patienceMs = 90_000;

/** How a request is sent. */
export interface Asking {
  readonly anonymous?: boolean;
  /** Which of the two APIs is asked first. */
  readonly first?: number;
  /** A key of its own; without one each request gets a new one. */
  readonly key?: string;
  /** A refusal is what the case is after. */
  readonly provoked?: boolean;
}

/** An answer of the API. */
export interface Answer {
  readonly status: number;
  readonly body: Record<string, unknown>;
}

type Asked = Pick<Scene, 'cluster' | 'refusals' | 'tokens'>;

/** Sends a request to one of the APIs; rejects when nobody answers. */
export async function ask(
  scene: Asked,
  method: string,
  path: string,
  body: unknown,
  { anonymous = false, first = 0, key = randomUUID(), provoked = false }: Asking = {},
): Promise<Answer> {
  const response = await fetch(`${scene.cluster.apiUrls[first % 2] ?? ''}${path}`, {
    method,
    signal: AbortSignal.timeout(20_000),
    headers: {
      'content-type': 'application/json',
      'idempotency-key': key,
      ...(anonymous ? {} : { 'x-api-key': scene.cluster.ownerKey }),
    },
    ...(method === 'GET' ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  for (const cookie of response.headers.getSetCookie()) {
    const value = /=([^;]*)/.exec(cookie)?.[1];
    if (value) scene.tokens.add(decodeURIComponent(value));
  }
  if (response.status >= 400) {
    scene.refusals.push({
      // A path of a customer names their token.
      request: `${method} ${path.replace(/[\w-]{43}/, '***')}`,
      status: response.status,
      type: response.headers.get('content-type') ?? '',
      body: text,
      provoked,
    });
  }
  return { status: response.status, body: JSON.parse(text) as Record<string, unknown> };
}

/**
 * Sends a request as a careful client does: with an Idempotency-Key, to one API and then the other, again and again
 * while nobody answers or the answer is a 5xx. Resolves with the first answer that is final.
 */
export async function insist(
  scene: Asked,
  method: string,
  path: string,
  body: unknown,
  asking: Asking = {},
): Promise<Answer> {
  const key = asking.key ?? randomUUID();
  const deadline = Date.now() + patienceMs;
  for (let turn = asking.first ?? 0; ; turn += 1) {
    const answer = await ask(scene, method, path, body, { ...asking, key, first: turn }).catch(
      // Nobody answered, or the connection broke: nobody knows, so the same again.
      () => undefined,
    );
    const again = !answer || answer.status >= 500 || answer.body['code'] === 'request-in-progress';
    if (!again) return answer;
    if (Date.now() > deadline) throw new Error(`${method} ${path} was never answered`);
    await sleep(150);
  }
}

/** An address that nobody else has. */
export function newAddress(): string {
  return `anna-${randomUUID().slice(0, 12)}@${addressDomain}.com`;
}

/** Invites a customer who brings everything that the steps need. */
export async function inviteCustomer(
  scene: Asked,
  story: string,
  { email = newAddress(), first = 0 } = {},
): Promise<Customer> {
  const unique = randomUUID().slice(0, 8);
  const spreadsheetId = `sheet-${unique}`;
  const wbToken = marketplaceToken();
  scene.tokens.add(wbToken);
  const { status, body } = await insist(
    scene,
    'POST',
    '/onboarding/invites',
    {
      email,
      name: 'Anna Example',
      tenant: { slug: `acme-${unique}`, name: `Acme ${unique}` },
      workspace: { spreadsheet_id: spreadsheetId, owner_email: email },
      wb_token: wbToken,
    },
    { first },
  );
  if (status !== 201) throw new Error(`invite: ${String(status)} ${JSON.stringify(body)}`);
  const token = String(body['activation_link']).split('/').at(-1) ?? '';
  if (!/^[\w-]{43}$/.test(token)) throw new Error('The answer to an invite has no link in it');
  scene.tokens.add(token);
  return {
    story,
    inviteId: String(body['invite_id']),
    clientId: String(body['client_id']),
    jobId: String(body['job_id']),
    token,
    email,
    spreadsheetId,
  };
}

/** Accepts an invite, however often that takes. */
export async function acceptInvite(scene: Asked, customer: Customer, first = 0): Promise<void> {
  const { status, body } = await insist(
    scene,
    'POST',
    `/onboarding/invites/${customer.token}/accept`,
    { accept_terms: true },
    { anonymous: true, first },
  );
  if (status !== 200) throw new Error(`accept: ${String(status)} ${JSON.stringify(body)}`);
}

/** Gives an order for an onboarding that is parked. */
export async function order(
  scene: Asked,
  { jobId }: Customer,
  kind: 'retry' | 'rollback',
): Promise<void> {
  const { status, body } = await insist(scene, 'POST', `/onboarding/jobs/${jobId}/${kind}`, {
    reason: 'The fault is over',
  });
  if (status >= 300) throw new Error(`${kind}: ${String(status)} ${JSON.stringify(body)}`);
}
