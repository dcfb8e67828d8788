import { hash } from 'node:crypto';
import type { KeyFacts } from '../../../src/domain/api-keys/verification.rules';

/** What is known of a key that nothing is wrong with. */
export const goodKey: KeyFacts = {
  id: 'key',
  tenantId: 'tenant',
  tenantSlug: 'acme',
  tenantOpen: true,
  environment: 'live',
  revoked: false,
  blocked: false,
  expired: false,
  ended: false,
  unused: false,
  admits: null,
  product: null,
  scopes: ['a:b', 'c:d'],
  role: null,
  expiresAt: null,
  rateLimit: null,
  usageLimit: null,
  usageLimitStrict: false,
  familyId: 'key',
  pepperId: 'p1',
  entitled: [],
  catalogue: [],
  holdsUntil: null,
  rotation: null,
  writtenBody: undefined,
  writtenHeaders: undefined,
};

/** A name of which there is none like it, as a memory of known keys takes them. */
export const nameOf = (text: string): string => hash('sha256', text, 'binary');
