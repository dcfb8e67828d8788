import { doRotationDeed, openKeyRotation } from '../src/domain/api-keys/drive-rotation';
import type { RotationView } from '../src/domain/api-keys/drive-rotation';
import type { ApiKeyDeps } from '../src/domain/api-keys/deps';
import { requestDueRotations, tellExpired } from '../src/domain/api-keys/request-rotation';

/** Names the rotation of an API key. */
export interface KeyRotationId {
  readonly rotationId: string;
}

/** What drives rotations of API keys; each looks at the rows first and does nothing that is not due any more. */
export function createApiKeyActivities(
  deps: Pick<ApiKeyDeps, 'db' | 'ring' | 'outbox' | 'config'>,
) {
  const deed =
    (name: Parameters<typeof doRotationDeed>[2]) =>
    ({ rotationId }: KeyRotationId): Promise<RotationView> =>
      doRotationDeed(deps, rotationId, name);
  return {
    /** Looks at the rows of a rotation and says what is next. */
    openKeyRotation: ({ rotationId }: KeyRotationId) => openKeyRotation(deps, rotationId),

    /** Writes down that the new key is in use. */
    beginOverlap: deed('overlap'),

    /** Tells the owners what is due to be told. */
    remindOfRotation: deed('remind'),

    /** Lets the policy decide whether the old key gets more time. */
    decideExtension: deed('decide'),

    /** Ends the old key early: it is idle, the new one is used, and its owner asked for that. */
    finishEarly: deed('finish'),

    /** Writes down that the old key has ended. */
    drainRotation: deed('drain'),

    /** Writes down that nothing can be taken back any more. */
    completeRotation: deed('complete'),

    /** Gives a request up whose key is gone. */
    cancelRequest: deed('cancel'),

    /** Requests the rotation of keys that are too old for their tenants' policies; answers how many were due. */
    requestDueRotations: (): Promise<number> => requestDueRotations(deps),

    /** Tells readers of events of keys that have expired; answers how many. */
    tellExpiredKeys: (): Promise<number> => tellExpired(deps),
  };
}

/** The activities of this file, as workflows see them. */
export type ApiKeyActivities = ReturnType<typeof createApiKeyActivities>;
