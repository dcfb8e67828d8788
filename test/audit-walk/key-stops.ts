import { createHash, randomBytes } from 'node:crypto';
import { firstUse } from '../api/api-keys/rotation-world';
import { postPath } from '../api/verification/keys';
import { waitFor } from '../support/wait-for';
import type { OwnAction } from '../../src/domain/audit/audit-entries';
import { plain } from './stops';
import type { Stop, WalkRequest } from './stops';
import type { World } from './world';

const reason = 'The walk wants it';

const ofKey = async ({ key }: World): Promise<WalkRequest> => ({
  params: { id: (await key()).id },
});
const deed = (action: OwnAction): Stop => ({
  tells: [action],
  by: async (world) => ({ ...(await ofKey(world)), body: { reason } }),
});
const ofRotation = async ({ rotation }: World): Promise<WalkRequest> => {
  const { id, old } = await rotation();
  return { params: { id: old.id, rotation_id: id } };
};
/** One whose new key is in use. */
const used = async ({ app, rotation }: World): Promise<WalkRequest> => {
  const { id, old, successor } = await rotation();
  await firstUse(app, successor.id);
  return { params: { id: old.id, rotation_id: id } };
};
const order = (...tells: OwnAction[]): Stop => ({
  tells,
  by: async (world) => ({ ...(await used(world)), body: { reason } }),
});

/** A key in use: whose first use the flush marks, a moment later, changes state. */
const usedKey = async ({ app, key, asSuper }: World): Promise<string> => {
  const { id, plaintext } = await key();
  await app.call('POST', postPath, { body: { key: plaintext } });
  await waitFor(
    'The first use of a key',
    () => asSuper(`select id from api_keys where id = '${id}' and first_used_at is not null`),
    (rows) => Array.isArray(rows) && rows.length === 1,
  );
  return plaintext;
};

/** API keys, their verification and rotation. */
export const keyStops: Readonly<Record<string, Stop>> = {
  verifyApiKey: {
    silent:
      'asked on every request that tenants serve; its first use is told by the flush of usage',
    by: async (world) => ({ body: { key: await usedKey(world) } }),
  },
  authorizeApiKey: {
    silent:
      'asked on every request that tenants serve; its first use is told by the flush of usage',
    by: async (world) => ({
      anonymous: true,
      headers: { authorization: `Bearer ${await usedKey(world)}` },
    }),
  },
  createApiKey: {
    tells: ['apikey.created'],
    by: async ({ tenant }) => ({
      body: { tenant_id: (await tenant()).id, name: 'shop', scopes: ['products:read'] },
    }),
  },
  listApiKeys: {
    silent: 'a list without secrets',
    by: async ({ key }) => ({ query: { tenant_id: (await key()).tenantId } }),
  },
  listScopes: { silent: 'what there is', by: plain },
  importApiKey: {
    tells: ['apikey.imported'],
    by: async ({ tenant }) => ({
      body: {
        tenant_id: (await tenant()).id,
        name: 'old shop',
        scopes: ['products:read'],
        prefix: `bp_${randomBytes(4).toString('hex')}`,
        hash: createHash('sha256').update(randomBytes(8)).digest('hex'),
      },
    }),
  },
  reportLeakedApiKey: {
    tells: ['apikey.rotation_requested', 'apikey.leaked'],
    by: async ({ key }) => ({ anonymous: true, body: { key: (await key()).plaintext } }),
  },
  getApiKey: { silent: 'one key without its secret', by: ofKey },
  patchApiKey: {
    tells: ['apikey.changed'],
    by: async (world) => ({
      ...(await ofKey(world)),
      headers: { 'if-match': '"v1"' },
      body: { name: 'the shop' },
    }),
  },
  deleteApiKey: { tells: ['apikey.deleted'], by: ofKey },
  'deleteApiKey of one that is being replaced': {
    tells: ['apikey.rotation_old_key_revoked', 'apikey.deleted'],
    by: async ({ rotation }) => ({ params: { id: (await rotation()).old.id } }),
  },
  'deleteApiKey of a successor': {
    tells: ['apikey.rotation_successor_revoked', 'apikey.deleted'],
    by: async ({ rotation }) => ({ params: { id: (await rotation()).successor.id } }),
  },
  revokeApiKey: deed('apikey.revoked'),
  blockApiKey: deed('apikey.blocked'),
  unblockApiKey: {
    tells: ['apikey.unblocked'],
    by: async ({ key, made }) => {
      const { id } = await key();
      await made(`/v1/api-keys/${id}/block`, { reason });
      return { params: { id }, body: { reason } };
    },
  },
  rotateApiKey: {
    tells: ['apikey.rotation_started'],
    by: async (world) => ({ ...(await ofKey(world)), body: {} }),
  },
  getApiKeyUsage: { silent: 'counts', by: ofKey },
  listKeyRotations: { silent: 'a list without secrets', by: ofKey },
  getKeyRotation: { silent: 'one rotation without secrets', by: ofRotation },
  completeKeyRotation: order('apikey.rotation_first_used', 'apikey.rotation_draining'),
  'completeKeyRotation of a compromised key': {
    tells: ['apikey.rotation_first_used', 'apikey.rotation_compromised'],
    by: async (world) => ({
      ...(await used(world)),
      body: { reason, compromised: true },
    }),
  },
  extendKeyRotation: order('apikey.rotation_first_used', 'apikey.rotation_extended'),
  cancelKeyRotation: {
    tells: ['apikey.revoked', 'apikey.rotation_cancelled'],
    by: async (world) => ({ ...(await ofRotation(world)), body: { reason } }),
  },
  rollbackKeyRotation: order(
    'apikey.rotation_first_used',
    'apikey.revoked',
    'apikey.rotation_rolled_back',
  ),
  getKeyPolicy: {
    silent: 'what a tenant has set',
    by: async ({ tenant }) => ({ query: { tenant_id: (await tenant()).id } }),
  },
  putKeyPolicy: {
    tells: ['apikey.policy_set'],
    by: async ({ tenant }) => ({ body: { tenant_id: (await tenant()).id, rotate_after_days: 90 } }),
  },
};
