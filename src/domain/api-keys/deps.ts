import type { Config } from '../../platform/config';
import type { KeyFormat } from '../../platform/crypto/key-formats';
import type { KeyHasher } from '../../platform/crypto/keys';
import type { KeyRing } from '../../platform/crypto/sealing';
import type { Database } from '../../platform/db';
import type { Log } from '../../platform/log';
import type { Outbox } from '../../platform/outbox';

/** What API keys are made and found with. */
export interface ApiKeyMaterial {
  /** `USHER_KEY_PREFIX` */
  readonly prefix: string;
  /** `KEYS_FORMAT`: the form of keys that are issued. */
  readonly format: KeyFormat;
  /** With the label `usher/api-key/v1`. */
  readonly hasher: KeyHasher;
}

/** What the operations of API keys use; each takes the part it needs. */
export interface ApiKeyDeps {
  readonly db: Database;
  readonly ring: KeyRing;
  readonly outbox: Outbox;
  readonly apiKeys: ApiKeyMaterial;
  readonly config: Pick<Config, 'OPERATORS_MAIL'>;
  readonly log: Log;
}
