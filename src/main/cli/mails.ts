import { listMails } from '../../domain/mails/mail-list';
import type { MailStatus } from '../../domain/mails/mails';
import { withSystem } from '../../platform/db';
import type { Command } from './command';
import { jsonLine } from './json';
import { limitOf } from './limits';
import { withDatabase } from './settings';
import { ago, table } from './table';

const byOption: Readonly<Record<string, MailStatus>> = {
  uncertain: 'uncertain',
  bounced: 'bounced',
  due: 'due',
  sent: 'sent',
};

/** Shows mails that need a look. */
export const listMailsCommand: Command = {
  name: 'mails list',
  summary: 'Show mails that need a look: uncertain and bounced ones, or those of another status',
  options: {
    uncertain: { about: 'It is not known whether they went out' },
    bounced: { about: 'Refused for good by the mail server' },
    due: { about: 'Not sent yet' },
    sent: { about: 'Sent' },
    limit: { value: 'N', about: 'At most so many; default 50' },
    json: { about: 'Print JSON' },
  },
  notes: [
    'An uncertain mail was repeated once with the same Message-ID. If the customer has none, resend the invite.',
  ],
  async run(input, io) {
    const chosen = Object.entries(byOption).flatMap(([name, status]) =>
      input.has(name) ? [status] : [],
    );
    const statuses: readonly MailStatus[] = chosen.length > 0 ? chosen : ['uncertain', 'bounced'];
    const limit = limitOf(input, 'limit', 50, 1, 10_000);
    const mails = await withDatabase(io, (db) =>
      withSystem(db, 'cli', (tx) => listMails(tx, { statuses, limit })),
    );
    const now = new Date();
    if (input.has('json')) io.out(jsonLine(mails));
    else if (mails.length === 0) io.out(`No mail is ${statuses.join(' or ')}.`);
    else {
      const rows = mails.map((mail) => [
        mail.kind,
        mail.status,
        mail.toEmail,
        mail.tenantSlug,
        ago(mail.createdAt, now),
        [mail.problem, mail.problemDetail].filter(Boolean).join(': ') || null,
      ]);
      io.out(table(['KIND', 'STATUS', 'TO', 'TENANT', 'AGE', 'PROBLEM'], rows));
    }
    return 0;
  },
};
