import { z } from 'zod';
import type { Variable } from './config';
import { optionalSecret, whole, yesNo } from './config-values';
import type { Secret } from './config-values';

const only = ['worker', 'cli'] as const;

/** Variables of the store of the audit log's archive and published checkpoints. */
export const archiveVariables = {
  ARCHIVE_ENABLED: { description: 'true to archive the audit log every day', default: 'false' },
  ARCHIVE_RUN_HOUR_UTC: { description: 'Hour of the daily archive run, in UTC', default: '3' },
  AUDIT_HOT_RETENTION_DAYS: {
    description: 'Days that audit entries stay in the database before they are archived',
    default: '90',
  },
  ARCHIVE_GRACE_HOURS: {
    description: 'Hours between archiving entries and dropping them from the database',
    default: '24',
  },
  ARCHIVE_RESTORED_DAYS: { description: 'Days that restored audit entries stay', default: '7' },
  AUDIT_COLD_LOCK_DAYS: {
    description: 'Days for which nobody can delete archived objects (object lock); 0: no lock',
    default: '365',
  },
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
  ARCHIVE_ENABLED: yesNo,
  ARCHIVE_RUN_HOUR_UTC: whole(0, 23),
  AUDIT_HOT_RETENTION_DAYS: whole(0, 36_500),
  ARCHIVE_GRACE_HOURS: z.coerce.number().min(0).max(8_760),
  ARCHIVE_RESTORED_DAYS: z.coerce.number().positive().max(365),
  AUDIT_COLD_LOCK_DAYS: whole(0, 36_500),
  AUDIT_COLD_BUCKET: z
    .string()
    .regex(/^([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])?$/, 'must be the name of a bucket'),
  AUDIT_COLD_ENDPOINT: z.union([z.literal(''), z.url({ protocol: /^https?$/ })]),
  AUDIT_COLD_REGION: z.string().regex(/^[a-z0-9-]+$/, 'must be the name of a region'),
  AUDIT_COLD_ACCESS_KEY: z.string(),
  AUDIT_COLD_SECRET_KEY: optionalSecret,
  AUDIT_COLD_SSE: yesNo,
} satisfies Record<keyof typeof archiveVariables, z.ZodType>;

/** What is missing beside a bucket, or a bucket where one is needed. */
export function archiveMistakes(values: Readonly<Record<string, unknown>>): string[] {
  if (values['AUDIT_COLD_BUCKET'] === '') {
    return values['ARCHIVE_ENABLED'] === true
      ? ['AUDIT_COLD_BUCKET is missing: ARCHIVE_ENABLED needs it']
      : [];
  }
  if (values['AUDIT_COLD_BUCKET'] === undefined) return [];
  const missing = [
    ['AUDIT_COLD_ACCESS_KEY', values['AUDIT_COLD_ACCESS_KEY'] as string],
    ['AUDIT_COLD_SECRET_KEY', (values['AUDIT_COLD_SECRET_KEY'] as Secret | undefined)?.reveal()],
  ] as const;
  return missing
    .filter(([, value]) => (value ?? '') === '')
    .map(([name]) => `${name} is missing: AUDIT_COLD_BUCKET needs it`);
}
