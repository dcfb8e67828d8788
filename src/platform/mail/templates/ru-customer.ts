import { facts, links, list, text, type CustomerMailKind, type MailTemplates } from './content';

const hello = (name: string | null) => (name ? `Здравствуйте, ${name}!` : 'Здравствуйте!');
const alone = 'Ссылка предназначена только вам. Пожалуйста, никому её не пересылайте.';

/** Russian: the mails that customers read. */
export const customerMails: MailTemplates<CustomerMailKind> = {
  invite: ({ recipientName, inviterName, tenantName, link, expiresAt }, moment) => ({
    subject: inviterName
      ? `${inviterName} приглашает вас в «${tenantName}»`
      : `Вас приглашают в «${tenantName}»`,
    preheader: `Действует до ${moment(expiresAt)}. У вас это займёт около двух минут.`,
    heading: `Вас приглашают в «${tenantName}»`,
    greeting: hello(recipientName),
    passages: [
      text(
        inviterName
          ? `${inviterName} приглашает вас в «${tenantName}». Примите приглашение, и мы всё для вас настроим.`
          : `Вас приглашают в «${tenantName}». Примите приглашение, и мы всё для вас настроим.`,
      ),
      facts(['Действует до', moment(expiresAt)]),
    ],
    action: { label: 'Открыть приглашение', url: link },
    after: [alone],
    reason: `Вы получили это письмо, потому что этот адрес пригласили в «${tenantName}». Если вам это ни о чём не говорит, просто не обращайте на него внимания: ничего не произойдёт.`,
  }),

  'invite-reminder': ({ recipientName, inviterName, tenantName, link, expiresAt }, moment) => ({
    subject: `Срок приглашения в «${tenantName}» скоро истекает`,
    preheader: `Оно действует до ${moment(expiresAt)}.`,
    heading: 'Ваше приглашение всё ещё ждёт',
    greeting: hello(recipientName),
    passages: [
      text(
        inviterName
          ? `${inviterName} приглашает вас в «${tenantName}». Приглашение всё ещё можно принять.`
          : `Ваше приглашение в «${tenantName}» всё ещё можно принять.`,
      ),
      facts(['Действует до', moment(expiresAt)]),
    ],
    action: { label: 'Открыть приглашение', url: link },
    after: [alone, 'Не хотите присоединяться? На той же странице можно отказаться.'],
    reason: `Вы получили это напоминание один раз, потому что этот адрес пригласили в «${tenantName}».`,
  }),

  'customer-input-reminder': ({ recipientName, tenantName, missing, reminder, link }) => {
    const things = missing.map((thing) =>
      thing === 'workspace'
        ? 'таблица, которую нужно подключить'
        : 'токен вашего кабинета на маркетплейсе',
    );
    return {
      subject:
        reminder > 1
          ? `Напоминание: «${tenantName}» ждёт вас`
          : `Остался ещё один шаг для «${tenantName}»`,
      preheader: `Не хватает: ${things.join(' и ')}.`,
      heading: 'Нам нужно кое-что от вас',
      greeting: hello(recipientName),
      passages: [
        text(`Подключение «${tenantName}» ждёт вас. Не хватает:`),
        list(...things),
        text('Как только вы это добавите, мы продолжим сами.'),
      ],
      action: { label: 'Добавить сейчас', url: link },
      after: ['Всё, что уже сделано, сохранится; торопиться не нужно.'],
      reason: `Вы получили это письмо, потому что приняли приглашение в «${tenantName}».`,
    };
  },

  welcome: ({ recipientName, tenantName, link, workspaceUrl, docsUrl }) => ({
    subject: `«${tenantName}»: всё готово`,
    preheader: 'Всё настроено. Можно начинать.',
    heading: 'Всё готово',
    greeting: hello(recipientName),
    passages: [
      text(
        `Мы настроили «${tenantName}»: рабочее пространство подключено и проверено. Можно начинать.`,
      ),
      text('Войдите под той же учётной записью, под которой вы приняли приглашение.'),
      ...links(
        ['Ваше рабочее пространство', workspaceUrl],
        ['Руководство по первым шагам', docsUrl],
      ),
    ],
    action: { label: `Открыть «${tenantName}»`, url: link },
    after: [],
    reason: `Вы получили это письмо, потому что приняли приглашение в «${tenantName}».`,
  }),

  'login-link': ({ recipientName, link, expiresAt }, moment) => ({
    subject: 'Ваша ссылка для входа',
    preheader: `Действует один раз, до ${moment(expiresAt)}.`,
    heading: 'Ваша ссылка для входа',
    greeting: hello(recipientName),
    passages: [
      text('Вот ссылка, которую вы запросили. Она действует один раз.'),
      facts(['Действует до', moment(expiresAt)]),
    ],
    action: { label: 'Войти', url: link },
    after: [alone],
    reason:
      'Вы получили это письмо, потому что для этого адреса запросили ссылку для входа. Если это были не вы, не обращайте на него внимания: без ссылки никто не сможет войти.',
  }),
};
