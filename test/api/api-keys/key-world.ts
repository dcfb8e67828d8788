import { randomUUID } from 'node:crypto';
import { findByDigests } from '../../../src/domain/api-keys/api-keys';
import type { ApiKey } from '../../../src/domain/api-keys/api-keys';
import { createAccount } from '../../../src/domain/identity/accounts';
import { grantTenantRole } from '../../../src/domain/identity/memberships';
import { openSession, sessionLives } from '../../../src/domain/identity/sessions';
import { withSystem } from '../../../src/platform/db';
import { newId } from '../../../src/platform/ids';
import type { TestAnswer, TestApp } from '../../support/test-app';
import { machine } from '../people';
import { sql } from '../rows';

/** A tenant of a test; `pro` unless the test wants to meet the caps of a starter. */
export async function tenant(
  app: TestApp,
  options: { plan?: string; status?: string } = {},
): Promise<string> {
  const id = newId();
  await sql(
    app,
    `insert into tenants (id, slug, name, status, plan, bucket) values ($1, $2, 'Acme', $3, $4, 1)`,
    [id, `acme-${randomUUID().slice(0, 8)}`, options.status ?? 'active', options.plan ?? 'pro'],
  );
  return id;
}

/** Issues a key as the owner, unless other headers are given. */
export function issue(
  app: TestApp,
  tenantId: string,
  body: Record<string, unknown> = {},
  request: { headers?: Record<string, string>; key?: string; anonymous?: boolean } = {},
): Promise<TestAnswer> {
  return app.call('POST', '/v1/api-keys', {
    ...request,
    body: { tenant_id: tenantId, name: 'shop', scopes: ['products:read'], ...body },
  });
}

/** Issues a key that has to be issued; its answer. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- tests look into answers freely
export async function issued(app: TestApp, tenantId: string, body = {}): Promise<any> {
  const { status, body: key } = await issue(app, tenantId, body);
  if (status !== 201) throw new Error(`${String(status)} ${JSON.stringify(key)}`);
  return key;
}

/** Rotates a key; the answer. */
export function rotate(
  app: TestApp,
  keyId: string,
  body: Record<string, unknown> = {},
  headers: Record<string, string> = {},
): Promise<TestAnswer> {
  return app.call('POST', `/v1/api-keys/${keyId}/rotate`, { body, headers });
}

/** Headers of a browser in which one of a tenant's people is signed in. */
export async function oneOf(
  app: TestApp,
  tenantId: string,
  role: 'owner' | 'admin' | 'client',
): Promise<{ headers: Record<string, string>; email: string; id: string; anonymous: true }> {
  const email = `p${randomUUID().slice(0, 8)}@people.example`;
  // Without a password: none is needed to open a session, and a hash takes its time.
  const { id, token } = await withSystem(app.deps.db, 'identity', async (tx) => {
    const userId = await createAccount(tx, { email, name: 'Mila Kern', passwordHash: null });
    await grantTenantRole(tx, { userId, tenantId, role, onboardingId: newId() });
    const signIn = { userId, surface: 'customer', method: 'link' } as const;
    const session = await openSession(tx, sessionLives(app.deps.env), signIn);
    return { id: userId, token: session.token };
  });
  const headers = { cookie: `usher_session=${token}`, 'sec-fetch-site': 'same-origin' };
  return { headers, email, id, anonymous: true };
}

/** A machine with just these permissions. */
export async function machineWith(app: TestApp, ...permissions: string[]): Promise<string> {
  return (await machine(app, permissions)).key;
}

/**
 * What a verifier would find by a plaintext, and when the look-up says that it passes: the rows alone decide, as the
 * verification query reads them.
 */
export async function statusOfPlaintext(app: TestApp, plaintext: string): Promise<string> {
  return (await byPlaintext(app, plaintext))?.status ?? 'unknown';
}

/** The row of a plaintext, found as verification finds it. */
export function byPlaintext(app: TestApp, plaintext: string): Promise<ApiKey | undefined> {
  const candidates = app.deps.apiKeys.hasher.candidates(plaintext);
  return withSystem(app.deps.db, 'holder', (tx) => findByDigests(tx, candidates));
}

/** Types of the events of a tenant, oldest first. */
export async function eventsOf(app: TestApp, tenantId: string): Promise<string[]> {
  const rows = await sql<{ type: string }>(
    app,
    'select type from events where tenant_id = $1 order by seq',
    [tenantId],
  );
  return rows.map(({ type }) => type);
}

/** Actions of the audit entries of a tenant, oldest first. */
export async function actionsOf(app: TestApp, tenantId: string): Promise<string[]> {
  const rows = await sql<{ action: string }>(
    app,
    'select action from audit_trail where tenant_id = $1 order by seq',
    [tenantId],
  );
  return rows.map(({ action }) => action);
}
