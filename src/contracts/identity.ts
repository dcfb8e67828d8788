import { z } from 'zod';
import { Email, Id, IdParams, ListQuery, Time, endpoint, listOf, text } from './http';

/** Roles on the platform, in falling order of power. */
export const PlatformRole = z.enum(['owner', 'admin', 'operator', 'support', 'auditor']);
/** Roles in a tenant. */
export const TenantRole = z.enum(['owner', 'admin', 'client']);
export type PlatformRole = z.output<typeof PlatformRole>;
export type TenantRole = z.output<typeof TenantRole>;

/** The surface that a session or token is for. */
export const Surface = z.enum(['operator', 'partner', 'customer']);
export type Surface = z.output<typeof Surface>;

/** What somebody signs in with. */
export const LoginRequest = z
  .strictObject({ email: Email, password: z.string().min(1).max(1024) })
  .meta({ id: 'LoginRequest' });

/** The address that a login link is mailed to. */
export const LinkRequest = z.strictObject({ email: Email }).meta({ id: 'LinkRequest' });

/** The answer to a sign-in; the session itself is in the cookie. */
export const SessionOpened = z
  .strictObject({
    success: z.literal(true),
    user_id: Id,
    surface: Surface,
    expires_at: Time,
    must_change_password: z.boolean(),
  })
  .meta({ id: 'SessionOpened' });

/** The answer to a request that was taken. */
export const Accepted = z.strictObject({ success: z.literal(true) }).meta({ id: 'Accepted' });

/** A change of the own password. */
export const PasswordChange = z
  .strictObject({
    current_password: z.string().min(1).max(1024).optional().meta({
      description: 'May be left out within 10 minutes of a sign-in with a login link',
    }),
    new_password: z.string().min(1).max(1024),
  })
  .meta({ id: 'PasswordChange' });

/** A role of the caller and where it holds. */
export const Membership = z.strictObject({
  scope: z.enum(['platform', 'tenant', 'partner']),
  tenant_id: Id.nullable(),
  tenant_slug: z.string().nullable(),
  partner_id: Id.nullable(),
  role: z.string(),
  permissions: z.array(z.string()).meta({ description: 'What the role allows where it holds' }),
});

/** Who the caller is and what they may do. */
export const Me = z
  .strictObject({
    user: z
      .strictObject({ id: Id, email: z.string(), name: z.string().nullable(), locale: z.string() })
      .nullable(),
    service_account: z.strictObject({ id: Id, name: z.string() }).nullable(),
    roles: z.array(z.string()),
    permissions: z.array(z.string()).meta({
      description: 'On the platform for operators, in their tenants or partner for everybody else',
    }),
    memberships: z.array(Membership),
    partner: z.strictObject({ id: Id, slug: z.string(), name: z.string() }).nullable(),
    surface: Surface,
    authenticated_at: Time.nullable().meta({
      description: 'Last proof of who it is; dangerous acts need one of the last 10 minutes',
    }),
    must_change_password: z.boolean(),
  })
  .meta({ id: 'Me' });

const Cidr = z
  .string()
  .regex(/^[0-9a-fA-F.:]{2,45}(?:\/\d{1,3})?$/, 'must be an address or a CIDR range');

/** A service account to be created. */
export const ServiceAccountCreate = z
  .strictObject({
    name: text(100),
    permissions: z
      .array(z.string().regex(/^[a-z-]{1,40}:[a-z-]{1,40}$/))
      .min(1)
      .max(100)
      .optional(),
    role: PlatformRole.optional().meta({
      description:
        'Shorthand for the permissions of this role, without those that a person confirms by a fresh sign-in: they are given by name only',
    }),
    allowed_cidrs: z.array(Cidr).max(100).default([]),
  })
  .refine((body) => body.permissions !== undefined || body.role !== undefined, {
    error: 'give permissions, a role, or both',
    path: ['permissions'],
  })
  .meta({ id: 'ServiceAccountCreate' });

/** A service account as lists show it. */
export const ServiceAccount = z
  .strictObject({
    id: Id,
    name: z.string(),
    prefix: z.string(),
    permissions: z.array(z.string()),
    allowed_cidrs: z.array(z.string()),
    created_by: z.string(),
    created_at: Time,
    last_used_at: Time.nullable(),
    revoked_at: Time.nullable(),
    version: z.int(),
  })
  .meta({ id: 'ServiceAccount' });

/** A service account with its key, which is shown once. */
export const ServiceAccountKey = ServiceAccount.extend({
  key: z.string().nullable().meta({ description: 'Shown this once' }),
  secret_expired: z.boolean().optional(),
}).meta({ id: 'ServiceAccountKey' });

/** The platform roles that a person is to hold. */
export const RolesPut = z
  .strictObject({ roles: z.array(PlatformRole).max(5) })
  .meta({ id: 'RolesPut' });

/** The platform roles that a person holds. */
export const UserRoles = z
  .strictObject({ user_id: Id, roles: z.array(PlatformRole) })
  .meta({ id: 'UserRoles' });

const LoginTokenParams = z.strictObject({ token: z.string().min(1).max(200) });
const IssuerParams = z.strictObject({ name: z.string().regex(/^[a-z0-9-]{1,40}$/) });
const html = z.string().meta({ contentMediaType: 'text/html' });

/** The sign-in surface. */
export const identityEndpoints = [
  endpoint({
    operationId: 'login',
    method: 'post',
    path: '/auth/login',
    tag: 'sign-in',
    summary: 'Open a session with e-mail and password',
    access: 'public',
    body: LoginRequest,
    responses: { 200: SessionOpened },
    problems: ['credentials-invalid', 'user-deactivated', 'rate-limited', 'unavailable'],
  }),
  endpoint({
    operationId: 'requestLoginLink',
    method: 'post',
    path: '/auth/link',
    tag: 'sign-in',
    summary: 'Mail a login link; the answer never tells whether the address is known',
    access: 'public',
    body: LinkRequest,
    responses: { 202: Accepted },
    problems: ['rate-limited'],
  }),
  endpoint({
    operationId: 'logout',
    method: 'post',
    path: '/auth/logout',
    tag: 'sign-in',
    summary: 'End the session',
    access: 'signed-in',
    responses: { 204: null },
    problems: [],
  }),
  endpoint({
    operationId: 'changePassword',
    method: 'post',
    path: '/auth/password',
    tag: 'sign-in',
    summary: 'Change the own password; ends every other session',
    access: 'signed-in',
    body: PasswordChange,
    responses: { 200: Accepted },
    problems: [
      'credentials-invalid',
      'password-too-weak',
      'rate-limited',
      'forbidden',
      'unavailable',
    ],
  }),
  endpoint({
    operationId: 'startOidc',
    method: 'get',
    path: '/auth/oidc/{name}',
    tag: 'sign-in',
    summary: 'Go to the identity provider',
    access: 'public',
    params: IssuerParams,
    query: z.strictObject({
      return_to: z.string().max(500).optional(),
      invite: z.string().max(200).optional(),
      step_up: z
        .enum(['true', 'false'])
        .optional()
        .meta({ description: 'Have the provider confirm again who it is' }),
    }),
    responses: { 302: null },
    problems: ['oidc-issuer-unknown', 'rate-limited', 'unavailable'],
  }),
  endpoint({
    operationId: 'finishOidc',
    method: 'get',
    path: '/auth/oidc/{name}/callback',
    tag: 'sign-in',
    summary: 'Come back from the identity provider',
    access: 'public',
    params: IssuerParams,
    query: z.looseObject({
      code: z.string().max(4000).optional(),
      state: z.string().max(1000).optional(),
      error: z.string().max(1000).optional(),
    }),
    responses: { 302: null },
    problems: [
      'oidc-issuer-unknown',
      'oidc-failed',
      'account-link-refused',
      'user-deactivated',
      'forbidden',
      'unavailable',
    ],
  }),
  endpoint({
    operationId: 'getMe',
    method: 'get',
    path: '/me',
    tag: 'sign-in',
    summary: 'Who am I, and what may I do',
    access: 'signed-in',
    responses: { 200: Me },
    problems: [],
  }),
  endpoint({
    operationId: 'createServiceAccount',
    method: 'post',
    path: '/service-accounts',
    tag: 'service accounts',
    summary: 'Create a service account; its key is shown once',
    access: 'service-accounts:create',
    stepUp: true,
    body: ServiceAccountCreate,
    responses: { 201: ServiceAccountKey },
    problems: ['role-too-high'],
    idempotent: true,
    once: ['key'],
  }),
  endpoint({
    operationId: 'listServiceAccounts',
    method: 'get',
    path: '/service-accounts',
    tag: 'service accounts',
    summary: 'List service accounts',
    access: 'service-accounts:read',
    query: ListQuery,
    responses: { 200: listOf(ServiceAccount) },
    problems: ['cursor-invalid'],
  }),
  endpoint({
    operationId: 'rotateServiceAccount',
    method: 'post',
    path: '/service-accounts/{id}/rotate',
    tag: 'service accounts',
    summary: 'Give a service account a new key; the old one ends at once',
    access: 'service-accounts:create',
    stepUp: true,
    params: IdParams,
    responses: { 200: ServiceAccountKey },
    problems: ['service-account-not-found', 'service-account-revoked', 'role-too-high'],
    idempotent: true,
    once: ['key'],
    ifMatch: 'optional',
  }),
  endpoint({
    operationId: 'revokeServiceAccount',
    method: 'delete',
    path: '/service-accounts/{id}',
    tag: 'service accounts',
    summary: 'Revoke a service account; repeatable',
    access: 'service-accounts:revoke',
    params: IdParams,
    responses: { 204: null },
    problems: ['service-account-not-found'],
    ifMatch: 'optional',
  }),
  endpoint({
    operationId: 'putUserRoles',
    method: 'put',
    path: '/users/{id}/roles',
    tag: 'users',
    summary: "Set a user's platform roles",
    access: 'users:grant',
    stepUp: true,
    params: IdParams,
    body: RolesPut,
    responses: { 200: UserRoles },
    problems: ['user-not-found', 'role-too-high', 'last-owner'],
  }),
  endpoint({
    operationId: 'showLoginPage',
    method: 'get',
    path: '/login/{token}',
    tag: 'pages',
    summary: 'The inert page of a login link',
    access: 'public',
    params: LoginTokenParams,
    // Mail gateways add parameters of their own to links.
    query: z.looseObject({ lang: z.string().max(20).optional() }),
    responses: { 200: html, 410: html },
    problems: [],
  }),
  endpoint({
    operationId: 'openSessionByLink',
    method: 'post',
    path: '/login/{token}',
    tag: 'pages',
    summary: 'Open a session with a login link',
    access: 'public',
    params: LoginTokenParams,
    body: z.strictObject({
      form_token: z.string().max(4096).optional(),
    }),
    bodyTypes: ['application/x-www-form-urlencoded'],
    responses: { 303: null, 403: html, 410: html, 429: html },
    problems: [],
  }),
] as const;
