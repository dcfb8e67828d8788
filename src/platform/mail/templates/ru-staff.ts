import { facts, quote, text, type MailTemplates, type StaffMailKind } from './content';
import type { StaffRole } from './kinds';

const roles: Readonly<Record<StaffRole, string>> = {
  owner: 'владелец (owner)',
  admin: 'администратор (admin)',
  operator: 'оператор (operator)',
  support: 'поддержка (support)',
  auditor: 'аудитор (auditor)',
};
const inviter = 'Вы получили это письмо, потому что отправили это приглашение.';

/** Russian: the mails that operators and inviters read. */
export const staffMails: MailTemplates<StaffMailKind> = {
  'invite-expired-notice': ({ tenantName, email, expiredAt, link }, moment) => ({
    subject: `Срок вашего приглашения в «${tenantName}» истёк`,
    preheader: `Приглашение для ${email} не было принято.`,
    heading: 'Срок вашего приглашения истёк',
    greeting: null,
    passages: [
      text(
        'Приглашение не приняли вовремя. Его можно отправить ещё раз, тогда в нём будет новая ссылка.',
      ),
      facts(['Кому', email], ['Тенант', tenantName], ['Срок истёк', moment(expiredAt)]),
    ],
    action: { label: 'Открыть приглашение', url: link },
    after: [],
    reason: inviter,
  }),

  'operator-parked': (data, moment) => ({
    subject: `Остановлено: ${data.tenantName}, шаг ${data.step} – ${data.problemTitle}`,
    preheader: data.whatToDo,
    heading: 'Подключение остановлено и ждёт решения',
    greeting: null,
    passages: [
      text(
        'Шаг окончательно завершился ошибкой. Подключение ждёт распоряжения: повторить, исправить, пропустить, откатить или отменить.',
      ),
      facts(
        ['Тенант', data.tenantName],
        ['Шаг', data.step],
        ['Проблема', `${data.problemTitle} (${data.problemCode})`],
        ['Что делать', data.whatToDo],
        ['Ждёт с', moment(data.parkedAt)],
        ['Подключение', data.onboardingId],
      ),
    ],
    action: { label: 'Открыть подключение', url: data.link },
    after: ['Клиент видит только то, что мы этим занимаемся.'],
    reason: 'Вы получили это письмо, потому что отвечаете за подключения.',
  }),

  'new-link-requested': ({ tenantName, email, requestedAt, link }, moment) => ({
    subject: `Запрошена новая ссылка для «${tenantName}»`,
    preheader: `У ${email} старая ссылка, нужна новая.`,
    heading: 'Просят новую ссылку',
    greeting: null,
    passages: [
      text(
        'Кто-то открыл старую ссылку из вашего приглашения и просит новую. Если отправить приглашение ещё раз, новая ссылка уйдёт на тот же адрес.',
      ),
      facts(['Кому', email], ['Тенант', tenantName], ['Запрошена', moment(requestedAt)]),
    ],
    action: { label: 'Открыть приглашение', url: link },
    after: [],
    reason: inviter,
  }),

  'invite-declined': ({ tenantName, email, reason, declinedAt, link }, moment) => ({
    subject: `Ваше приглашение в «${tenantName}» отклонено`,
    preheader: `Приглашение для ${email} отклонено.`,
    heading: 'Ваше приглашение отклонено',
    greeting: null,
    passages: [
      facts(['Кому', email], ['Тенант', tenantName], ['Отклонено', moment(declinedAt)]),
      ...(reason ? [text('Указанная причина:'), quote(reason)] : [text('Причина не указана.')]),
    ],
    action: { label: 'Открыть приглашение', url: link },
    after: [],
    reason: inviter,
  }),

  'operator-invite': ({ recipientName, inviterName, role, link, expiresAt }, moment) => ({
    subject: 'Ваш доступ к Usher',
    preheader: `Настройте его до ${moment(expiresAt)}.`,
    heading: 'Ваш доступ к Usher',
    greeting: recipientName ? `Здравствуйте, ${recipientName}!` : 'Здравствуйте!',
    passages: [
      text(
        inviterName
          ? `${inviterName} открывает вам доступ к Usher. Перейдите по ссылке, чтобы его настроить.`
          : 'Вам открыт доступ к Usher. Перейдите по ссылке, чтобы его настроить.',
      ),
      facts(['Роль', roles[role]], ['Действует до', moment(expiresAt)]),
    ],
    action: { label: 'Настроить доступ', url: link },
    after: ['Ссылка действует один раз и предназначена только вам. Никому её не пересылайте.'],
    reason:
      'Вы получили это письмо, потому что администратор указал этот адрес. Если вам это ни о чём не говорит, просто не обращайте на него внимания.',
  }),
};
