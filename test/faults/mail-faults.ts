import type { Scene } from './scene';

type Mailbox = Pick<Scene, 'cluster'>;

/** Tells the mailbox what to do wrong with mails to an address. */
export async function mailFault(
  { cluster }: Mailbox,
  fault: { mode: string; match: string; times?: number; delay_ms?: number },
): Promise<void> {
  const response = await fetch(`${cluster.mailboxUrl}/api/faults`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(fault),
  });
  if (!response.ok) throw new Error(`The mailbox takes no fault: ${await response.text()}`);
}

/** Has the mailbox take the next mail to an address and keep silent for four seconds. */
export function slowMail(scene: Mailbox, email: string): Promise<void> {
  return mailFault(scene, { mode: 'slow', match: email, times: 1, delay_ms: 4_000 });
}

/** How many mails to an address the mailbox has. */
export async function mailsTo({ cluster }: Mailbox, email: string): Promise<number> {
  const response = await fetch(
    `${cluster.mailboxUrl}/api/messages?to=${encodeURIComponent(email)}`,
  );
  return ((await response.json()) as unknown[]).length;
}
