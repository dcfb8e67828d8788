import type { Tx } from '../../platform/db';
import { likePart, likeText } from './patterns.rules';

/** Notes actions that the log has not seen before. */
export async function noteActions(tx: Tx, actions: readonly string[]): Promise<void> {
  await tx.run(
    'insert into audit_actions (action) select unnest($1::text[]) on conflict do nothing',
    [actions],
  );
}

/** An action and everything below it: of `tenant` also `tenant.suspended`. */
export async function actionsBelow(tx: Tx, action: string): Promise<string[]> {
  const rows = await tx.rows<{ action: string }>(
    'select action from audit_actions where action = $1 or action like $2',
    [action, `${likeText(action)}.%`],
  );
  return rows.map((row) => row.action);
}

/** Actions that have a text in their name; letter case does not matter. */
export async function matchingActions(tx: Tx, text: string): Promise<string[]> {
  const rows = await tx.rows<{ action: string }>(
    'select action from audit_actions where lower(action) like $1',
    [likePart(text)],
  );
  return rows.map((row) => row.action);
}
