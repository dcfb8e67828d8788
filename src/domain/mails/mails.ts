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

/** Sends every due mail of one invite, oldest first; each is claimed, sent and recorded for itself. */
export async function deliverMailsOf(sender: MailSender, inviteId: string): Promise<void> {
  await deliverAll(sender, `invite_id = $1 and owner = 'workflow'`, [inviteId]);
}

/** Sends due mails that no workflow owns; returns how many it handled. */
export function relayMails(sender: MailSender, limit: number): Promise<number> {
  return deliverAll(sender, `owner = 'relay' and $1::int > 0`, [limit], limit);
}

async function deliverAll(
  sender: MailSender,
  which: string,
  params: readonly unknown[],
  limit = 100,
): Promise<number> {
  const due = await withSystem(sender.db, 'activity', (tx) =>
    tx.rows<{ id: string }>(
      `select id from mails
       where ${which} and ((status = 'due' and due_at <= now())
         or (status = 'sending' and sending_since < now() - interval '${String(afterSilence.seconds)} seconds'))
       order by created_at limit ${String(limit)}`,
      params,
    ),
  );
  for (const { id } of due) await deliver(sender, id);
  return due.length;
}

async function deliver(sender: MailSender, id: string): Promise<void> {
  const mail = await claim(sender, id);
  if (!mail) return;
  const token = mail.secretId
    ? await reveal(sender.db, sender.ring, mail.secretId, {
        who: 'system:mail',
        why: `send ${mail.kind}`,
      })
    : null;
  const outcome = await sender.send(mail, token);
  await record(sender, mail, outcome);
}

const columns = `id, kind, tenant_id as "tenantId", invite_id as "inviteId", onboarding_id as "onboardingId",
  invite_token_id as "inviteTokenId", to_email as "toEmail", to_name as "toName", locale, data,
  message_id as "messageId", secret_id as "secretId", sendings`;

async function claim(sender: MailSender, id: string): Promise<Mail | undefined> {
  return withSystem(sender.db, 'activity', async (tx) => {
    // One found in `sending` was cut off: nobody knows whether it went out, so it is repeated once and no more.
    const mail = await tx.maybe<Mail & { status: MailStatus }>(
      `select ${columns}, status from mails
       where id = $1 and ((status = 'due' and due_at <= now())
         or (status = 'sending' and sending_since < now() - interval '${String(afterSilence.seconds)} seconds'))
       for update skip locked`,
      [id],
    );
    if (!mail) return undefined;
    if (!(await sender.stillWanted(tx, mail))) {
      await finish(tx, mail, 'dropped');
      sender.onOutcome(mail, 'dropped');
      return undefined;
    }
    if (mail.status === 'sending' && mail.sendings >= afterSilence.sendings) {
      await finish(tx, mail, 'uncertain', 'mail-uncertain');
      sender.onOutcome(mail, 'uncertain');
      return undefined;
    }
    return tx.one<Mail>(
      `update mails set status = 'sending', sending_since = now(), sendings = sendings + 1
       where id = $1 returning ${columns}`,
      [id],
    );
  });
}

async function record(sender: MailSender, mail: Mail, outcome: SendOutcome): Promise<void> {
  await withSystem(sender.db, 'activity', async (tx) => {
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
  });
  const status = { sent: 'sent', refused: 'bounced', unknown: 'sending', later: 'due' } as const;
  sender.onOutcome(mail, status[outcome.kind]);
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
