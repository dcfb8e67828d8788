import { z } from 'zod';
import type { Variable } from './config';
import { optionalSecret, yesNo } from './config-values';
import type { Secret } from './config-values';

const only = ['worker', 'cli'] as const;

/** Variables of the store of the audit log's archive and published checkpoints. */
export const archiveVariables = {
  AUDIT_COLD_BUCKET: {
    description: 'Bucket of the audit archive; empty: no archive',
    default: '',
    only,
  },
  AUDIT_COLD_ENDPOINT: {
    description: 'URL of an S3-compatible store; empty: AWS itself',
    default: '',
    only,
  },
  AUDIT_COLD_REGION: { description: 'Region of the bucket', default: 'us-east-1', only },
  AUDIT_COLD_ACCESS_KEY: {
    description: 'Access key of the store',
    secret: true,
    default: '',
    only,
  },
  AUDIT_COLD_SECRET_KEY: {
    description: 'Secret key of the store',
    secret: true,
    default: '',
    only,
  },
  AUDIT_COLD_SSE: {
    description: 'true to ask the store to encrypt with a key of its own (SSE-S3)',
    default: 'false',
    only,
  },
} as const satisfies Record<string, Variable>;

/** How each of them is read. */
export const archiveShape = {
  AUDIT_COLD_BUCKET: z
    .string()
    .regex(/^([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])?$/, 'must be the name of a bucket'),
  AUDIT_COLD_ENDPOINT: z.union([z.literal(''), z.url({ protocol: /^https?$/ })]),
  AUDIT_COLD_REGION: z.string().regex(/^[a-z0-9-]+$/, 'must be the name of a region'),
  AUDIT_COLD_ACCESS_KEY: z.string(),
  AUDIT_COLD_SECRET_KEY: optionalSecret,
  AUDIT_COLD_SSE: yesNo,
} satisfies Record<keyof typeof archiveVariables, z.ZodType>;

/** What is missing beside a bucket; a process without a bucket needs none of it. */
export function archiveMistakes(values: Readonly<Record<string, unknown>>): string[] {
  if ((values['AUDIT_COLD_BUCKET'] ?? '') === '') return [];
  const missing = [
    ['AUDIT_COLD_ACCESS_KEY', values['AUDIT_COLD_ACCESS_KEY'] as string],
    ['AUDIT_COLD_SECRET_KEY', (values['AUDIT_COLD_SECRET_KEY'] as Secret | undefined)?.reveal()],
  ] as const;
  return missing
    .filter(([, value]) => (value ?? '') === '')
    .map(([name]) => `${name} is missing: AUDIT_COLD_BUCKET needs it`);
}
