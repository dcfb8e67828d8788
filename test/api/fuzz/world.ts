import { randomUUID } from 'node:crypto';
import { password } from '../../support/identity-people';
import { invite, marketplaceToken } from '../../support/journey';
import type { TestApp } from '../../support/test-app';
import { backendControl, paths } from '../../workflows/backend-control';
import { active, onboard, order, parked } from '../../workflows/courses';
import { machine, onboardingCookie, person, signedIn } from '../people';
import { sql } from '../rows';
import type { Credentials } from './requests';

/** Makes something of every kind, so that requests meet what exists, and somebody of every kind who sends them. */
export async function furnish(
  app: TestApp,
): Promise<{ known: Record<string, string[]>; credentials: Credentials }> {
  const backend = backendControl(app.backend.url);
  await backend.faults({ path: paths.register, mode: 'status', status: 400 });
  const stopped = [await onboard(app), await onboard(app), await onboard(app)];
  for (const one of stopped) await parked(app, one);
  await backend.faults();
  const ready = await onboard(app);
  const open = await Promise.all(Array.from({ length: 6 }, () => invite(app)));
  const cancelled = stopped[2]!;
  await order(app, cancelled, 'cancel');
  await active(app, ready);
  const accepted = await invite(app);
  const { headers } = await app.call('POST', `/onboarding/invites/${accepted.token}/accept`, {
    anonymous: true,
    body: { accept_terms: true },
  });

  const [owner, someone] = [await person(app, { roles: ['owner'] }), await person(app)];
  const incident = await app.call('POST', '/onboarding/incidents', {
    body: { title: 'The backend is slow', severity: 'minor' },
  });
  const accounts = [await machine(app, ['invites:read']), await machine(app, ['invites:read'])];
  const invites = [...open, ...stopped, ready, accepted];
  const tenants = await sql<{ slug: string }>(app, 'select slug from tenants limit 20');
  const resources = await sql<{ id: string }>(app, 'select id from tenant_resources limit 5');
  const pages = await Promise.all(
    ['/onboarding/invites', '/onboarding/jobs', '/service-accounts'].map(
      async (path) => (await app.call('GET', `${path}?limit=1`)).body.next_cursor as string | null,
    ),
  );
  const clients = invites.map(({ clientId }) => clientId);
  return {
    known: {
      id: [
        ...invites.flatMap(({ inviteId, jobId }) => [inviteId, jobId]),
        ...accounts.map(({ id }) => id),
        ...resources.map(({ id }) => id),
        ...(typeof incident.body.id === 'string' ? [incident.body.id] : []),
        someone.id,
        randomUUID(),
      ],
      client_id: clients,
      tenant_id: clients,
      job_ids: invites.map(({ jobId }) => jobId),
      token: [...invites.map(({ token }) => token), 'A'.repeat(43)],
      slug: [...tenants.map(({ slug }) => slug), 'nobody'],
      name: ['main', 'nobody'],
      wb_token: [marketplaceToken(), marketplaceToken('rotated'), 'no.token'],
      email: [...open.slice(0, 2).map(({ email }) => email), someone.email, 'nobody@example.com'],
      user_id: [someone.id, owner.id],
      password: [password],
      current_password: [password],
      permissions: ['invites:read', 'onboardings:read'],
      allowed_cidrs: ['127.0.0.0/8'],
      roles: ['client', 'admin', 'operator'],
      blueprint: ['default', 'nothing'],
      cursor: pages.filter((cursor) => cursor !== null),
      'Idempotency-Key': ['again', 'and-again', randomUUID()],
      'If-Match': ['"v1"', '"v2"', '*', '"v999999999"'],
    },
    credentials: {
      // A session more often: what needs a step-up takes no role's key.
      owners: [
        [['X-Api-Key', await app.keyFor('owner')]],
        Object.entries(await signedIn(app, owner)),
        Object.entries(await signedIn(app, owner)),
      ],
      others: [
        [],
        [['Authorization', `Bearer ${await app.keyFor('auditor')}`]],
        [['X-Api-Key', await app.keyFor('support')]],
        Object.entries(await signedIn(app, someone)),
        Object.entries(onboardingCookie(headers)),
      ],
    },
  };
}
