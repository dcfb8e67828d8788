import type { Tx } from '../../platform/db';
import { enqueueMail } from '../mails/mails';
import type { ApiKeyDeps } from './deps';
import type { KeyRotation } from './key-rotations';

/** The mails about keys. */
export type KeyMail =
  | 'key-rotation-reminder'
  | 'key-rotation-unused'
  | 'key-rotation-extended'
  | 'key-rotation-requested'
  | 'key-leaked';

/** Somebody who is told about the keys of a tenant. */
interface Recipient {
  readonly userId: string | null;
  readonly email: string;
  readonly name: string | null;
  readonly locale: string;
}

/** Most people who are told about one key. */
const mostRecipients = 20;

/**
 * Writes a mail about a key to those who look after it: the owners and admins of its tenant and whoever issued it,
 * all people of the tenant where it has neither, the operators where it has nobody. The relay sends it.
 */
export async function tellOwners(
  tx: Tx,
  deps: Pick<ApiKeyDeps, 'ring' | 'config'>,
  keyId: string,
  kind: KeyMail,
  data: Readonly<Record<string, string | number | boolean | null>>,
): Promise<void> {
  const about = await tx.one<{
    tenantId: string;
    tenantName: string;
    name: string;
    prefix: string;
    createdBy: string;
  }>(
    `select k.tenant_id as "tenantId", t.name as "tenantName", k.name, k.prefix, k.created_by as "createdBy"
     from api_keys as k join tenants as t on t.id = k.tenant_id where k.id = $1`,
    [keyId],
  );
  for (const to of await recipientsOf(tx, deps, about.tenantId, about.createdBy)) {
    await enqueueMail(tx, deps.ring, {
      kind,
      owner: 'relay',
      tenantId: about.tenantId,
      userId: to.userId,
      toEmail: to.email,
      toName: to.name,
      locale: to.locale,
      data: {
        tenant_name: about.tenantName,
        key_name: about.name,
        key_prefix: about.prefix,
        key_id: keyId,
        ...data,
      },
    });
  }
}

async function recipientsOf(
  tx: Tx,
  deps: Pick<ApiKeyDeps, 'config'>,
  tenantId: string,
  createdBy: string,
): Promise<Recipient[]> {
  const people = await tx.rows<Recipient & { role: string }>(
    `select u.id as "userId", u.email::text as email, u.name, u.locale, m.role
     from memberships as m join users as u on u.id = m.user_id
     where m.tenant_id = $1 and m.scope = 'tenant' and m.withdrawn_at is null and u.status = 'active'
     order by m.created_at, u.id`,
    [tenantId],
  );
  const inCharge = people.filter(
    ({ role, userId }) =>
      role === 'owner' || role === 'admin' || `user:${String(userId)}` === createdBy,
  );
  const told = inCharge.length > 0 ? inCharge : people;
  if (told.length > 0) return told.slice(0, mostRecipients);
  return deps.config.OPERATORS_MAIL.map((email) => ({
    userId: null,
    email,
    name: null,
    locale: 'en',
  }));
}

/** What a mail says of the end of the old key. */
export function endOf(rotation: KeyRotation, endsAt: Date | null) {
  return {
    ends_at: endsAt?.toISOString() ?? null,
    new_key_used: rotation.firstUsedAt !== null,
    rotation_id: rotation.id,
  };
}
