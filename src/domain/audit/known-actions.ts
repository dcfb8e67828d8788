import type { Tx } from '../../platform/db';

/** Notes actions that the log has not seen before. */
export async function noteActions(tx: Tx, actions: readonly string[]): Promise<void> {
  await tx.run(
    'insert into audit_actions (action) select unnest($1::text[]) on conflict do nothing',
    [actions],
  );
}
