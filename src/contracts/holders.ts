import { z } from 'zod';
import { Id, Time, endpoint, keyed, text } from './http';
import { InviteClosed } from './invites';
import { OnboardingState } from './onboardings';

/** What a link offers, for the person who holds it. */
export const InvitePreview = z
  .strictObject({
    success: z.literal(true),
    tenant: z.strictObject({ name: z.string(), slug: z.string() }),
    invited_by: z.string().nullable(),
    email_masked: z.string(),
    name: z.string().nullable(),
    role: z.string(),
    locale: z.string(),
    expires_at: Time,
    account_exists: z.boolean(),
    password_min_length: z.int(),
    terms_url: z.string(),
  })
  .meta({ id: 'InvitePreview' });

/** Accepts an invite; without a password the account signs in by login link or OIDC. */
export const InviteAccept = z
  .strictObject({
    password: z.string().min(1).max(1024).optional(),
    accept_terms: z.literal(true, { error: 'the terms must be accepted' }),
    name: text(200).optional(),
    captcha: z
      .string()
      .max(4096)
      .optional()
      .meta({ description: 'For self-serve invites: what the captcha gave the browser' }),
    ...keyed,
  })
  .meta({ id: 'InviteAccept' });

/** An accepted invite. */
export const InviteAccepted = z
  .strictObject({
    success: z.literal(true),
    user_id: Id,
    client_id: Id,
    job_id: Id,
    status: OnboardingState,
  })
  .meta({ id: 'InviteAccepted' });

/** Declines an invite; the inviter is told, with the reason. */
export const InviteDecline = z
  .strictObject({ reason: text(500).optional() })
  .meta({ id: 'InviteDecline' });

/** Something was taken note of, whatever comes of it. */
export const Noted = z
  .strictObject({ success: z.literal(true), message: z.string() })
  .meta({ id: 'Noted' });

const TokenParams = z.strictObject({ token: z.string().min(1).max(200) });

const tokenProblems = [
  'invite-not-found',
  'invite-already-used',
  'invite-expired',
  'invite-revoked',
  'invite-superseded',
  'invite-declined',
  'invite-held',
  'rate-limited',
] as const;

/** What the holder of an invite's link can do. */
export const holderEndpoints = [
  endpoint({
    operationId: 'previewInvite',
    method: 'get',
    path: '/onboarding/invites/{token}/preview',
    tag: 'customers',
    summary: 'What this link offers; changes nothing',
    access: 'holder',
    params: TokenParams,
    responses: { 200: InvitePreview },
    problems: tokenProblems,
  }),
  endpoint({
    operationId: 'acceptInvite',
    method: 'post',
    path: '/onboarding/invites/{token}/accept',
    tag: 'customers',
    summary: 'Accept the invite',
    access: 'holder',
    params: TokenParams,
    body: InviteAccept,
    responses: { 200: InviteAccepted },
    problems: [
      ...tokenProblems,
      'tenant-not-open',
      'account-login-required',
      'credentials-invalid',
      'password-too-weak',
      'inviter-lost-right',
      'user-deactivated',
      'verification-failed',
    ],
    idempotent: true,
  }),
  endpoint({
    operationId: 'declineInvite',
    method: 'post',
    path: '/onboarding/invites/{token}/decline',
    tag: 'customers',
    summary: 'Decline the invite',
    access: 'holder',
    params: TokenParams,
    body: InviteDecline,
    responses: { 200: InviteClosed },
    problems: tokenProblems,
  }),
  endpoint({
    operationId: 'requestNewLink',
    method: 'post',
    path: '/onboarding/invites/{token}/request-new-link',
    tag: 'customers',
    summary: 'Ask the inviter for a new link; the answer is always the same',
    access: 'holder',
    params: TokenParams,
    responses: { 202: Noted },
    problems: ['rate-limited'],
  }),
] as const;
