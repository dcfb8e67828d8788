import { mintLoginLink } from '../../src/domain/identity/login-links';
import { password } from '../support/identity-people';
import { fresh } from './world';
import type { World } from './world';
import { plain } from './stops';
import type { Stop, WalkRequest } from './stops';

const reason = 'The walk wants it';

/** Signs in at the provider and comes back with its code. */
async function backFromProvider({ app }: World): Promise<WalkRequest> {
  const started = await app.call('GET', '/auth/oidc/corp', { anonymous: true });
  const cookie = started.headers.getSetCookie().map((line) => line.split(';')[0])[0] ?? '';
  const asked = await fetch(started.headers.get('location') ?? '', { redirect: 'manual' });
  await asked.text();
  const back = new URL(asked.headers.get('location') ?? '');
  return {
    anonymous: true,
    params: { name: 'corp' },
    query: Object.fromEntries(back.searchParams),
    headers: { cookie },
  };
}

async function loginLink({ app, act, person }: World): Promise<WalkRequest> {
  const { id } = await person();
  const { token } = await act((tx) => mintLoginLink(tx, id));
  const page = await app.call('GET', `/login/${token}`, { anonymous: true });
  const form_token = /name="form_token" value="([^"]+)"/.exec(String(page.body))?.[1] ?? '';
  return { anonymous: true, params: { token }, form: { form_token } };
}

/** Sign-in, service accounts, users. */
export const identityStops: Readonly<Record<string, Stop>> = {
  login: {
    tells: ['session.opened'],
    by: async ({ person }) => ({
      anonymous: true,
      body: { email: (await person()).email, password },
    }),
  },
  'login refused': {
    refused: 401,
    tells: ['session.refused'],
    by: async ({ person }) => ({
      anonymous: true,
      body: { email: (await person()).email, password: 'not the one that it is' },
    }),
  },
  requestLoginLink: {
    tells: ['login_link.requested'],
    by: async ({ person }) => ({ anonymous: true, body: { email: (await person()).email } }),
  },
  logout: { tells: ['session.ended'], by: ({ owner }) => owner() },
  changePassword: {
    tells: ['user.password_changed'],
    by: async ({ owner }) => ({
      ...(await owner()),
      body: { current_password: password, new_password: 'granite lantern harbour thistle' },
    }),
  },
  startOidc: {
    silent: 'leads to the provider; what comes of it is told when the person is back',
    by: () => ({ anonymous: true, params: { name: 'corp' } }),
  },
  finishOidc: {
    tells: ['user.created', 'user.identity_linked', 'user.roles_changed', 'session.opened'],
    by: backFromProvider,
  },
  getMe: { silent: 'one’s own account', by: plain },
  createServiceAccount: {
    tells: ['service_account.created'],
    by: async ({ owner }) => ({
      ...(await owner()),
      body: { name: fresh(), permissions: ['invites:read'] },
    }),
  },
  listServiceAccounts: { silent: 'a list without secrets', by: plain },
  rotateServiceAccount: {
    tells: ['service_account.rotated'],
    by: async ({ owner, machine }) => ({
      ...(await owner()),
      params: { id: (await machine('invites:read')).id },
    }),
  },
  revokeServiceAccount: {
    tells: ['service_account.revoked'],
    by: async ({ machine }) => ({ params: { id: (await machine('invites:read')).id } }),
  },
  putUserRoles: {
    tells: ['user.roles_changed'],
    by: async ({ owner, person }) => ({
      ...(await owner()),
      params: { id: (await person()).id },
      body: { roles: ['support'] },
    }),
  },
  showLoginPage: {
    silent: 'looking at a link must not use it up',
    by: async (world) => {
      const { anonymous, params } = await loginLink(world);
      return { anonymous: anonymous === true, params: params ?? {} };
    },
  },
  openSessionByLink: { tells: ['session.opened'], by: loginLink },

  'listUsers refused': {
    refused: 403,
    tells: ['access.denied'],
    by: async ({ machine }) => ({ key: (await machine('invites:read')).key }),
  },
  listUsers: { silent: 'a list for staff', by: plain },
  getUser: {
    silent: 'one account, for staff',
    by: async ({ person }) => ({ params: { id: (await person()).id } }),
  },
  inviteUser: {
    tells: ['platform.user_invited'],
    by: async ({ owner }) => ({
      ...(await owner()),
      body: { email: `${fresh()}@staff.example`, name: 'Sam Staff', role: 'support' },
    }),
  },
  deactivateUser: {
    tells: ['user.deactivated'],
    by: async ({ person }) => ({ params: { id: (await person()).id }, body: { reason } }),
  },
  activateUser: {
    tells: ['user.activated'],
    by: async ({ made, person }) => {
      const { id } = await person();
      await made(`/users/${id}/deactivate`, { reason });
      return { params: { id }, body: { reason } };
    },
  },
};
