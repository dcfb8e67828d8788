import { randomBytes } from 'node:crypto';
import type { ArchiveDeps } from '../../src/domain/archive/deps';
import type { SigningKeys } from '../../src/domain/audit/signing';
import { createDatabase } from '../../src/platform/db';
import { createLog } from '../../src/platform/log';
import { createObjectStore } from '../../src/platform/object-store';
import type { ObjectStoreSettings } from '../../src/platform/object-store';
import { createOutbox } from '../../src/platform/outbox';

/** Everything that a process needs to archive, as text, so that it can be handed to another process. */
export interface Site {
  readonly appUrl: string;
  readonly sequencerUrl: string;
  readonly store: ObjectStoreSettings;
  /** base64 */
  readonly seed: string;
  readonly hmac: string;
  readonly secret: string;
}

/** Keys of a log and of its archive, new ones. */
export const newKeys = (): Pick<Site, 'seed' | 'hmac' | 'secret'> => ({
  seed: randomBytes(32).toString('base64'),
  hmac: randomBytes(32).toString('base64'),
  secret: randomBytes(32).toString('base64'),
});

/** The signing keys of a site. */
export const signingKeysOf = ({ seed, hmac }: Pick<Site, 'seed' | 'hmac'>): SigningKeys => ({
  seeds: [{ id: 'k1', key: Buffer.from(seed, 'base64') }],
  hmac: { id: 'h1', key: Buffer.from(hmac, 'base64') },
});

/** What the archive runs on at a site: no grace, and short rests, so that a case ends within seconds. */
export function openSite(
  site: Site,
  applicationName: string,
): { readonly deps: ArchiveDeps; close(): Promise<void> } {
  const db = createDatabase({ url: site.appUrl, max: 2, applicationName });
  const sequencer = createDatabase({ url: site.sequencerUrl, max: 2, applicationName });
  const objects = createObjectStore(site.store);
  const outbox = createOutbox({
    db,
    deliver: () => Promise.resolve({ ok: true }),
    fastPath: false,
    onError: () => undefined,
  });
  return {
    deps: {
      db,
      sequencer,
      outbox,
      log: createLog({ level: 'silent', process: 'archive-faults' }),
      store: { objects, settings: site.store },
      keys: signingKeysOf(site),
      times: { hotDays: 0, graceHours: 0, lockDays: 1, restoredDays: 1, pauseSeconds: 0.05 },
      secret: () => Promise.resolve(Buffer.from(site.secret, 'base64')),
    },
    async close() {
      objects.close();
      await db.close();
      await sequencer.close();
    },
  };
}
