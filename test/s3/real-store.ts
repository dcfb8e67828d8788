/**
 * The tests of test/platform against a real S3 endpoint: `npm run test:s3` with AUDIT_COLD_* set. Not part of bin/test.
 * Writes below `usher-test/` in the bucket, which is made, with object lock, when it is not there.
 */
import { coldStoreSettings } from '../../src/main/cold-store';
import { loadConfig } from '../../src/platform/config';
import { describeStore } from '../platform/object-store-contract';

const needed = Buffer.alloc(32).toString('base64');
const env = loadConfig(
  {
    OUTBOUND_ALLOW_CIDRS: '127.0.0.0/8,10.0.0.0/8,172.16.0.0/12,192.168.0.0/16',
    ...process.env,
    DATABASE_URL: 'postgres://unused',
    KEYS_HASH_PEPPER: needed,
    SECRETS_KEY_RING: `unused:${needed}`,
    COOKIE_SECRET: needed,
  },
  'cli',
);
const settings = coldStoreSettings(env);

describe(`the store at ${env.AUDIT_COLD_ENDPOINT || 'AWS'}, bucket ${env.AUDIT_COLD_BUCKET}`, () => {
  if (settings) describeStore(() => settings);
  else {
    it('is given by AUDIT_COLD_ENDPOINT, _REGION, _BUCKET, _ACCESS_KEY and _SECRET_KEY', () => {
      expect(settings).toBeDefined();
    });
  }
});
