import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { marketplaceToken } from '../support/journey';
import type { Cluster } from './cluster';

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
}

/** Longest time for which a request is repeated while parts of the system are down. */
const patienceMs = 90_000;

/**
 * Sends a request as a careful client does: with an Idempotency-Key, to one API and then the other, again and again
 * while nobody answers or the answer is a 5xx. Resolves with the first answer that is final.
 */
export async function insist(
  cluster: Pick<Cluster, 'apiUrls' | 'ownerKey'>,
  method: string,
  path: string,
  body: unknown,
  options: { readonly anonymous?: boolean; readonly first?: number } = {},
): Promise<{ status: number; body: Record<string, unknown> }> {
  const key = randomUUID();
  const deadline = Date.now() + patienceMs;
  for (let turn = options.first ?? 0; ; turn += 1) {
    try {
      const response = await fetch(`${cluster.apiUrls[turn % 2] ?? ''}${path}`, {
        method,
        signal: AbortSignal.timeout(20_000),
        headers: {
          'content-type': 'application/json',
          'idempotency-key': key,
          ...(options.anonymous ? {} : { 'x-api-key': cluster.ownerKey }),
        },
        ...(method === 'GET' ? {} : { body: JSON.stringify(body) }),
      });
      const answer = (await response.json()) as Record<string, unknown>;
      const again = response.status >= 500 || answer['code'] === 'request-in-progress';
      if (!again) return { status: response.status, body: answer };
    } catch {
      // Nobody answered, or the connection broke: nobody knows, so the same again.
    }
    if (Date.now() > deadline) throw new Error(`${method} ${path} was never answered`);
    await sleep(150);
  }
}

/** An address that nobody else has. */
export function newAddress(): string {
  return `anna-${randomUUID().slice(0, 12)}@example.com`;
}

/** Invites a customer who brings everything that the steps need. */
export async function inviteCustomer(
  cluster: Cluster,
  story: string,
  email = newAddress(),
): Promise<Customer> {
  const unique = randomUUID().slice(0, 8);
  const spreadsheetId = `sheet-${unique}`;
  const { status, body } = await insist(cluster, 'POST', '/onboarding/invites', {
    email,
    name: 'Anna Example',
    tenant: { slug: `acme-${unique}`, name: `Acme ${unique}` },
    workspace: { spreadsheet_id: spreadsheetId, owner_email: email },
    wb_token: marketplaceToken(),
  });
  if (status !== 201) throw new Error(`invite: ${String(status)} ${JSON.stringify(body)}`);
  return {
    story,
    inviteId: String(body['invite_id']),
    clientId: String(body['client_id']),
    jobId: String(body['job_id']),
    token: String(body['activation_link']).split('/').at(-1) ?? '',
    email,
    spreadsheetId,
  };
}

/** Accepts an invite, however often that takes. */
export async function acceptInvite(
  cluster: Cluster,
  customer: Customer,
  first?: number,
): Promise<void> {
  const { status, body } = await insist(
    cluster,
    'POST',
    `/onboarding/invites/${customer.token}/accept`,
    { accept_terms: true },
    { anonymous: true, ...(first === undefined ? {} : { first }) },
  );
  if (status !== 200) throw new Error(`accept: ${String(status)} ${JSON.stringify(body)}`);
}
