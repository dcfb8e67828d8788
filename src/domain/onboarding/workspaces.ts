import type { Tx } from '../../platform/db';

/** Records which workspace a person works in; an earlier one of the same tenant is kept as inactive. */
export async function recordWorkspace(
  tx: Tx,
  workspace: { readonly userId: string; readonly tenantId: string; readonly externalId: string },
): Promise<void> {
  const { userId, tenantId, externalId } = workspace;
  await tx.run(
    'update user_workspaces set is_active = false where user_id = $1 and tenant_id = $2 and external_id <> $3',
    [userId, tenantId, externalId],
  );
  await tx.run(
    `insert into user_workspaces (user_id, tenant_id, external_id) values ($1, $2, $3)
     on conflict (user_id, tenant_id, external_id) do update set is_active = true`,
    [userId, tenantId, externalId],
  );
}
