import { z } from 'zod';
import { Email, Id, IdParams, ListQuery, Reason, Time, endpoint, listOf, text } from './http';
import { PlatformRole } from './identity';

/** A person with what they are. */
export const User = z
  .strictObject({
    id: Id,
    email: z.string(),
    name: z.string().nullable(),
    locale: z.string(),
    status: z.enum(['active', 'deactivated']),
    roles: z.array(PlatformRole).meta({ description: 'On the platform, the mightiest first' }),
    memberships: z.array(
      z.strictObject({
        scope: z.enum(['tenant', 'partner']),
        tenant_id: Id.nullable(),
        tenant_slug: z.string().nullable(),
        partner_id: Id.nullable(),
        role: z.string(),
      }),
    ),
    must_change_password: z.boolean(),
    activated_at: Time.nullable().meta({ description: 'When they first came in' }),
    deactivated_at: Time.nullable(),
    last_seen_at: Time.nullable(),
    created_at: Time,
    version: z.int(),
  })
  .meta({ id: 'User' });

/** Which people are wanted. */
export const UserListQuery = ListQuery.extend({
  filter: z
    .enum(['all', 'admins', 'inactive'])
    .default('all')
    .meta({ description: '`admins`: owners and admins of the platform; `inactive`: deactivated' }),
  q: text(200).optional().meta({ description: 'Part of address or name, or an id' }),
});

const UserList = listOf(User)
  .extend({
    counts: z.strictObject({ all: z.int(), admins: z.int(), inactive: z.int() }).meta({
      description: 'People of this search by filter, whatever filter it asks for',
    }),
  })
  .meta({ id: 'UserList' });

/** A future member of staff. */
export const UserInvite = z
  .strictObject({
    email: Email,
    name: text(200),
    role: PlatformRole,
    handoff: z.enum(['link', 'temp-password']).default('link').meta({
      description: 'A login link, which is also mailed, or a temporary password that you pass on',
    }),
  })
  .meta({ id: 'UserInvite' });

/** An account that was made for somebody, with the one thing that opens it. */
export const UserInvited = z
  .strictObject({
    subject: z.string().meta({ description: 'How the audit log names them' }),
    user_id: Id,
    link: z.string().nullable().optional().meta({ description: 'Shown this once; 24 hours' }),
    temp_password: z.string().nullable().optional().meta({
      description: 'Shown this once; 24 hours, and to be changed with the first sign-in',
    }),
    secret_expired: z.boolean().optional(),
  })
  .meta({ id: 'UserInvited' });

const change = z.strictObject({ reason: Reason.optional() }).meta({ id: 'UserChange' });

/** People, as operators look after them. */
export const userEndpoints = [
  endpoint({
    operationId: 'listUsers',
    method: 'get',
    path: '/users',
    tag: 'users',
    summary: 'People, newest first',
    access: 'users:read',
    query: UserListQuery,
    responses: { 200: UserList },
    problems: ['cursor-invalid'],
  }),
  endpoint({
    operationId: 'getUser',
    method: 'get',
    path: '/users/{id}',
    tag: 'users',
    summary: 'A person with their roles and memberships',
    access: 'users:read',
    params: IdParams,
    responses: { 200: User },
    problems: ['user-not-found'],
  }),
  endpoint({
    operationId: 'inviteUser',
    method: 'post',
    path: '/users/invite',
    tag: 'users',
    summary: 'Make an account for a future member of staff',
    access: 'users:invite',
    stepUp: true,
    body: UserInvite,
    responses: { 201: UserInvited },
    problems: ['user-exists', 'role-too-high'],
    idempotent: true,
    once: ['link', 'temp_password'],
  }),
  endpoint({
    operationId: 'deactivateUser',
    method: 'post',
    path: '/users/{id}/deactivate',
    tag: 'users',
    summary: 'Deactivate a person at once: sessions and sign-ins end; repeatable',
    access: 'users:write',
    params: IdParams,
    body: change,
    responses: { 200: User },
    problems: ['user-not-found', 'role-too-high', 'last-owner'],
    ifMatch: 'optional',
  }),
  endpoint({
    operationId: 'activateUser',
    method: 'post',
    path: '/users/{id}/activate',
    tag: 'users',
    summary: 'Let a deactivated person in again, as what they were; repeatable',
    access: 'users:write',
    params: IdParams,
    body: change,
    responses: { 200: User },
    problems: ['user-not-found', 'role-too-high'],
    ifMatch: 'optional',
  }),
] as const;
