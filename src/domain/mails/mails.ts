import type { KeyRing } from '../../platform/crypto/sealing';
import { withSystem } from '../../platform/db';
import type { Database, Tx } from '../../platform/db';
import { newId } from '../../platform/ids';
import type { SendOutcome } from '../../platform/mail/transport';
import { requestContext } from '../../platform/request-context';
import { erase, reveal, seal } from '../secrets/secrets';
import { afterFailure, afterSilence } from './mails.rules';

/** A mail as the transaction that decides it writes it. */
export interface NewMail {
  readonly kind: string;
  /** Who sends it: the workflow of its invite, or the relay where no workflow owns it. */
  readonly owner: 'workflow' | 'relay';
  readonly tenantId?: string | null;
  readonly inviteId?: string | null;
  readonly onboardingId?: string | null;
  readonly inviteTokenId?: string | null;
  readonly userId?: string | null;
  readonly toEmail: string;
  readonly toName?: string | null;
  readonly locale: string;
  /** What the template shows: names, dates, codes. */
  readonly data: Readonly<Record<string, unknown>>;
  /** A token for the link; sealed until the mail is sent or dropped. */
  readonly token?: string;
}

/** A mail that is being sent. */
export interface Mail {
  readonly id: string;
  readonly kind: string;
  readonly tenantId: string | null;
  readonly inviteId: string | null;
  readonly onboardingId: string | null;
  readonly inviteTokenId: string | null;
  readonly toEmail: string;
  readonly toName: string | null;
  readonly locale: string;
  readonly data: Readonly<Record<string, unknown>>;
  readonly messageId: string;
  readonly secretId: string | null;
  /** How often it has been handed to the mail server, this time included. */
  readonly sendings: number;
}

/** What sending needs beyond the row. */
export interface MailSender {
  readonly db: Database;
  readonly ring: KeyRing;
  /** Renders and hands the mail to the server; never throws for what the server or the network does. */
  readonly send: (mail: Mail, token: string | null) => Promise<SendOutcome>;
  /** Whether the mail is still wanted, read in the transaction that claims it. */
  readonly stillWanted: (tx: Tx, mail: Mail) => Promise<boolean>;
  readonly onOutcome: (mail: Mail, status: MailStatus) => void;
}

/** Status of a mail row. */
export type MailStatus = 'due' | 'sending' | 'sent' | 'bounced' | 'uncertain' | 'dropped';

/** Writes a mail row in the caller's transaction; whoever owns it sends it after the commit. */
export async function enqueueMail(tx: Tx, ring: KeyRing, mail: NewMail): Promise<string> {
  const id = newId();
  const secretId =
    mail.token === undefined
      ? null
      : await seal(tx, ring, {
          ownerTable: 'mails',
          ownerId: id,
          field: 'token',
          tenantId: mail.tenantId ?? null,
          plaintext: mail.token,
        });
  await tx.run(
    `insert into mails
       (id, kind, owner, tenant_id, invite_id, onboarding_id, invite_token_id, user_id, to_email, to_name, locale,
        data, secret_id, message_id, request_id)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)`,
    [
      id,
      mail.kind,
      mail.owner,
      mail.tenantId ?? null,
      mail.inviteId ?? null,
      mail.onboardingId ?? null,
      mail.inviteTokenId ?? null,
      mail.userId ?? null,
      mail.toEmail,
      mail.toName ?? null,
      mail.locale,
      JSON.stringify(mail.data),
      secretId,
      `<${id}@usher>`,
      requestContext()?.requestId ?? null,
    ],
  );
  return id;
}

/** Drops the mails of an invite that are not on their way yet, e.g. because a newer link replaces theirs. */
export async function dropMails(tx: Tx, inviteId: string, kinds: readonly string[]): Promise<void> {
  const dropped = await tx.rows<{ secret_id: string | null }>(
    `update mails set status = 'dropped' where invite_id = $1 and kind = any($2) and status = 'due'
     returning secret_id`,
    [inviteId, kinds],
  );
  for (const { secret_id: secretId } of dropped) if (secretId) await erase(tx, secretId);
}

/**
 * Sends the oldest due mail of one invite: claims it, hands it over, records how that ended. `lookOn` runs in the
 * transaction that records it, or that found none, and its result is returned.
 */
export async function deliverNextMailOf<T>(
  sender: MailSender,
  inviteId: string,
  lookOn: (tx: Tx) => Promise<T>,
): Promise<T> {
  const claimed = await withSystem(sender.db, 'activity', async (tx) => {
    const mail = await claim(tx, sender, `invite_id = $1 and owner = 'workflow'`, [inviteId]);
    return mail ? { mail } : { result: await lookOn(tx) };
  });
  if ('result' in claimed) return claimed.result;
  const { mail } = claimed;
  const outcome = await hand(sender, mail);
  return withSystem(sender.db, 'activity', async (tx) => {
    await record(tx, sender, mail, outcome);
    return lookOn(tx);
  });
}

/** Sends due mails that no workflow owns, oldest first, each for itself; returns how many it handled. */
export async function relayMails(sender: MailSender, limit: number): Promise<number> {
  const due = await withSystem(sender.db, 'relay', (tx) =>
    tx.rows<{ id: string }>(
      `select id from mails where owner = 'relay' and ${ripe} order by created_at limit $1`,
      [limit],
    ),
  );
  for (const { id } of due) {
    const mail = await withSystem(sender.db, 'relay', (tx) => claim(tx, sender, 'id = $1', [id]));
    if (!mail) continue;
    const outcome = await hand(sender, mail);
    await withSystem(sender.db, 'relay', (tx) => record(tx, sender, mail, outcome));
  }
  return due.length;
}

const ripe = `((status = 'due' and due_at <= now())
  or (status = 'sending' and sending_since < now() - interval '${String(afterSilence.seconds)} seconds'))`;

const statusAfter = { sent: 'sent', refused: 'bounced', unknown: 'sending', later: 'due' } as const;

async function hand(sender: MailSender, mail: Mail): Promise<SendOutcome> {
  const token = mail.secretId
    ? await reveal(sender.db, sender.ring, mail.secretId, {
        who: 'system:mail',
        why: `send ${mail.kind}`,
      })
    : null;
  return sender.send(mail, token);
}

const columns = `id, kind, tenant_id as "tenantId", invite_id as "inviteId", onboarding_id as "onboardingId",
  invite_token_id as "inviteTokenId", to_email as "toEmail", to_name as "toName", locale, data,
  message_id as "messageId", secret_id as "secretId", sendings`;

/** Takes the oldest due mail for sending; undefined when there is none that is still to be sent. */
async function claim(
  tx: Tx,
  sender: MailSender,
  which: string,
  params: readonly unknown[],
): Promise<Mail | undefined> {
  // One found in `sending` was cut off: nobody knows whether it went out, so it is repeated once and no more.
  const mail = await tx.maybe<Mail & { status: MailStatus }>(
    `select ${columns}, status from mails where ${which} and ${ripe}
     order by created_at limit 1 for update skip locked`,
    params,
  );
  if (!mail) return undefined;
  if (!(await sender.stillWanted(tx, mail))) {
    await finish(tx, mail, 'dropped');
    tx.afterCommit(() => sender.onOutcome(mail, 'dropped'));
    return undefined;
  }
  if (mail.status === 'sending' && mail.sendings >= afterSilence.sendings) {
    await finish(tx, mail, 'uncertain', 'mail-uncertain');
    tx.afterCommit(() => sender.onOutcome(mail, 'uncertain'));
    return undefined;
  }
  await tx.run(
    `update mails set status = 'sending', sending_since = now(), sendings = sendings + 1 where id = $1`,
    [mail.id],
  );
  return { ...mail, sendings: mail.sendings + 1 };
}

async function record(tx: Tx, sender: MailSender, mail: Mail, outcome: SendOutcome): Promise<void> {
  tx.afterCommit(() => {
    sender.onOutcome(mail, statusAfter[outcome.kind]);
  });
  if (outcome.kind === 'sent') await finish(tx, mail, 'sent');
  else if (outcome.kind === 'refused')
    await finish(tx, mail, 'bounced', 'mail-bounced', outcome.reason);
  else if (outcome.kind === 'unknown') {
    // Left in `sending`, ripe at once: the next look repeats it with the same Message-ID.
    await tx.run(
      `update mails set sending_since = now() - interval '1 hour', problem_detail = $2
       where id = $1 and status = 'sending'`,
      [mail.id, outcome.reason],
    );
  } else {
    const { attempts } = await tx.one<{ attempts: number }>(
      'select attempts from mails where id = $1',
      [mail.id],
    );
    await tx.run(
      `update mails set status = 'due', sendings = sendings - 1, attempts = attempts + 1,
         due_at = now() + $2 * interval '1 second', problem = 'mail-undeliverable-now', problem_detail = $3
       where id = $1 and status = 'sending'`,
      [mail.id, afterFailure(attempts), outcome.reason],
    );
  }
}

async function finish(
  tx: Tx,
  mail: Mail,
  status: 'sent' | 'bounced' | 'uncertain' | 'dropped',
  problem?: string,
  detail?: string,
): Promise<void> {
  await tx.run(
    `update mails set status = $2, problem = $3, problem_detail = $4, secret_id = null,
       sent_at = case when $2 = 'sent' then now() end
     where id = $1`,
    [mail.id, status, problem ?? null, detail ?? null],
  );
  if (mail.secretId) await erase(tx, mail.secretId);
}
