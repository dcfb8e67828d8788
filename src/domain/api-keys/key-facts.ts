import { addressSet } from '../../platform/address-ranges';
import type { AddressSet } from '../../platform/address-ranges';
import { remembering } from '../../platform/remembering';
import type { KeyFacts } from './verification.rules';

/**
 * Every column that the facts of `find_api_keys` come from. A change of any of them is written into the log
 * that verifiers read; a test compares this list, the function and the triggers. What is counted is read beside the facts.
 */
export const columnsRead = {
  api_keys: [
    'id',
    'tenant_id',
    'digest',
    'pepper_id',
    'environment',
    'scopes',
    'role',
    'product',
    'allowed_cidrs',
    'rate_limit',
    'rate_window_seconds',
    'usage_limit',
    'usage_limit_strict',
    'expires_at',
    'ends_at',
    'rotation_family_id',
    'first_used_at',
    'revoked_at',
    'blocked_at',
  ],
  tenants: ['id', 'slug', 'status', 'trial_ends_at'],
  entitlements: ['tenant_id', 'product', 'status', 'expires_at'],
  products: ['product'],
  key_rotations: ['old_key_id', 'new_key_id', 'state'],
} as const;

const flag = {
  tenantClosed: 1,
  revoked: 2,
  blocked: 4,
  expired: 8,
  ended: 16,
  unused: 32,
} as const;

/** Between the parts of a text of facts; no part can have it. */
const separator = '\x1f';

/** Reads the text in which `find_api_keys` answers the facts of one key. */
export function parseFacts(text: string): KeyFacts {
  const [
    id = '',
    tenantId = '',
    environment,
    scopes = '',
    role = '',
    product = '',
    cidrs = '',
    rateLimit = '',
    rateSeconds = '',
    usageLimit = '',
    usageLimitStrict,
    expiresAt = '',
    familyId = '',
    pepperId = '',
    tenantSlug = '',
    flagText,
    entitled = '',
    catalogue = '',
    holdsUntil = '',
    rotation = '',
  ] = text.split(separator);
  const flags = Number(flagText);
  // What every request looks at stands first and close together, and what keys have in common stands in memory once:
  // with thousands of keys in use the way to memory is what a look costs.
  return {
    environment: environment === 'test' ? 'test' : 'live',
    tenantId: shared(tenantId),
    tenantOpen: (flags & flag.tenantClosed) === 0,
    revoked: (flags & flag.revoked) !== 0,
    blocked: (flags & flag.blocked) !== 0,
    expired: (flags & flag.expired) !== 0,
    ended: (flags & flag.ended) !== 0,
    unused: (flags & flag.unused) !== 0,
    admits: cidrs === '' ? null : rangesOf(cidrs),
    product: product === '' ? null : shared(product),
    entitled: listOf(entitled),
    catalogue: listOf(catalogue),
    scopes: listOf(scopes),
    rateLimit: rateLimit === '' ? null : rateOf(`${rateLimit} ${rateSeconds}`),
    usageLimit: numberOf(usageLimit),
    usageLimitStrict: usageLimitStrict === 't',
    id,
    writtenBody: undefined,
    writtenHeaders: undefined,
    familyId: familyId === id ? id : familyId,
    pepperId: pepperId === '' ? null : shared(pepperId),
    tenantSlug: shared(tenantSlug),
    role: role === '' ? null : (shared(role) as KeyFacts['role']),
    expiresAt: numberOf(expiresAt),
    holdsUntil: numberOf(holdsUntil),
    rotation: rotation === '' ? null : rotationOf(rotation),
  };
}

const numberOf = (text: string): number | null => (text === '' ? null : Number(text));

function rotationOf(text: string): NonNullable<KeyFacts['rotation']> {
  const [state = '', successorId = '', endsAt = ''] = text.split(' ');
  return {
    state,
    successorId: successorId === '' ? null : successorId,
    endsAt: numberOf(endsAt),
  };
}

const shared = remembering((text): string => text);
const rateOf = remembering((text): NonNullable<KeyFacts['rateLimit']> => {
  const [limit, seconds] = text.split(' ').map(Number);
  return { limit: limit ?? 0, seconds: seconds ?? 0 };
});
const listOf = remembering((text): readonly string[] => (text === '' ? [] : text.split(' ')));
const rangesOf = remembering((text): AddressSet => addressSet(text.split(' ')));
