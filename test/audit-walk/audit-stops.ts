import { anId, fresh } from './world';
import type { World } from './world';
import { plain } from './stops';
import type { Stop, WalkRequest } from './stops';

const reason = 'The walk wants it';
const proofs = 'hashes and signatures; nothing of it is anybody’s';

/** An entry that has its place in the log. */
async function entry({ made }: World): Promise<WalkRequest> {
  const { id } = await made('/v1/audit?wait=sequenced', { action: 'order.shipped' });
  return { params: { id } };
}

/** A question that nobody has asked within the last minute: who polls is told of once a minute. */
const question = (): WalkRequest => ({ query: { target_id: fresh() } });

/** The audit log and its archive. */
export const auditStops: Readonly<Record<string, Stop>> = {
  appendAuditEvents: {
    tells: ['order.shipped'],
    by: () => {
      // Of events from outside the id of the request is their own word.
      const id = anId();
      return { body: { action: 'order.shipped', request_id: id }, tellsOf: id };
    },
  },
  'appendAuditEvents refused': {
    refused: 409,
    tells: ['audit.delivery_refused'],
    by: async ({ made }) => {
      const event = { action: 'order.shipped', source: 'shop', external_id: fresh() };
      await made('/v1/audit', event);
      return { body: { ...event, action: 'order.lost' } };
    },
  },
  listAuditEntries: { tells: ['audit.read'], by: question },
  searchAuditEntries: { tells: ['audit.read'], by: question },
  getAuditEntry: { tells: ['audit.read'], by: entry },
  exportAudit: { tells: ['audit.exported'], by: plain },
  verifyAudit: { tells: ['audit.verified'], by: plain },
  makeAuditCheckpoint: { tells: ['audit.checkpoint_ordered'], by: plain },
  getLatestAuditCheckpoint: { silent: proofs, by: plain },
  listAuditCheckpoints: { silent: proofs, by: plain },
  listAuditKeys: { silent: proofs, by: plain },
  getAuditProof: { silent: proofs, by: entry },
  getAuditConsistency: { silent: proofs, by: () => ({ query: { from: '1' } }) },
  getAuditTile: { silent: proofs, by: () => ({ params: { level: '0', index: '0' } }) },

  eraseFromAudit: {
    tells: ['audit.erasure_ordered'],
    by: async ({ owner }) => ({
      ...(await owner()),
      body: { subject: `user:${anId()}`, reason },
    }),
  },
  listAuditErasures: { silent: 'ids of those who were erased; the erasures are told', by: plain },
  listLegalHolds: { silent: 'a list for staff; each hold is told', by: plain },
  placeLegalHold: {
    tells: ['audit.hold_placed'],
    by: ({ tenant }) => tenant().then(({ id }) => ({ body: { tenant_id: id, reason } })),
  },
  liftLegalHold: {
    tells: ['audit.hold_lifted'],
    by: async ({ made, tenant }) => {
      const { id } = await made('/audit/holds', { tenant_id: (await tenant()).id, reason });
      return { params: { id }, body: { reason } };
    },
  },

  listAuditArchives: { silent: 'what is in the archive; what happens to it is told', by: plain },
  runAuditArchive: { tells: ['audit.archive_requested'], by: plain },
  restoreAuditArchive: {
    tells: ['audit.restore_requested'],
    by: async ({ asSuper }) => {
      const id = anId();
      await asSuper(
        `insert into audit_batches (id, n, origin, from_seq, to_seq, state, requested_by, leaves_sha256, personal_sha256,
           manifest_sha256, confirmed_at, prune_after, pruned_at, pruned_by)
         select '${id}', 1, 'walk', 1000001, 1000256, 'pruned', 'walk', h, h, h, now(), now(), now(), '${id}'
         from sha256('walk') as h`,
      );
      return { params: { id } };
    },
  },
};
