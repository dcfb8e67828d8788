import type { Config } from '../platform/config';
import { createObjectStore } from '../platform/object-store';
import type { ObjectStore, ObjectStoreSettings } from '../platform/object-store';

/** The variables that say where the archive lies. */
export const coldStoreVariables = [
  'AUDIT_COLD_BUCKET',
  'AUDIT_COLD_ENDPOINT',
  'AUDIT_COLD_REGION',
  'AUDIT_COLD_ACCESS_KEY',
  'AUDIT_COLD_SECRET_KEY',
  'AUDIT_COLD_SSE',
  'OUTBOUND_ALLOW_CIDRS',
] as const satisfies readonly (keyof Config)[];

/** What they say. */
export type ColdStoreConfig = Pick<Config, (typeof coldStoreVariables)[number]>;

/** Where the archive lies; undefined when no store is configured, or this process may not know it. */
export function coldStoreSettings(env: ColdStoreConfig): ObjectStoreSettings | undefined {
  // The api process has none of these variables.
  const { AUDIT_COLD_BUCKET: bucket } = env as Partial<ColdStoreConfig>;
  if (bucket === undefined || bucket === '') return undefined;
  // Which Node is supported until when is decided (docs/decisions/0010); each process would print the SDK's notice.
  process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] ??= 'true';
  return {
    endpoint: env.AUDIT_COLD_ENDPOINT === '' ? undefined : env.AUDIT_COLD_ENDPOINT,
    region: env.AUDIT_COLD_REGION,
    bucket,
    accessKey: env.AUDIT_COLD_ACCESS_KEY,
    secretKey: env.AUDIT_COLD_SECRET_KEY?.reveal() ?? '',
    encrypt: env.AUDIT_COLD_SSE,
    allowCidrs: env.OUTBOUND_ALLOW_CIDRS,
  };
}

/**
 * Opens the store that the archive lies in; undefined when none is configured. Nothing is dialled.
 * @throws ConfigError for an endpoint that is closed to outgoing calls
 */
export function openColdStore(env: ColdStoreConfig): ObjectStore | undefined {
  const settings = coldStoreSettings(env);
  return settings && createObjectStore(settings);
}
