import type { TenantNotice } from '../../../contracts/registry';
import { facts, quote, text, type MailTemplates, type TenantMailKind } from './content';

const hello = (name: string | null) => (name ? `Здравствуйте, ${name}!` : 'Здравствуйте!');
const because = (tenant: string) => `Вы отвечаете за «${tenant}», поэтому получили это письмо.`;

interface Notice {
  readonly subject: (tenant: string) => string;
  readonly heading: string;
  readonly text: (tenant: string) => string;
}

const notices: Readonly<Record<TenantNotice, Notice>> = {
  activated: {
    subject: (tenant) => `«${tenant}» активен`,
    heading: 'Пробный период стал подпиской',
    text: (tenant) =>
      `С этого момента «${tenant}» – действующий клиент. Больше для вас ничего не меняется.`,
  },
  suspended: {
    subject: (tenant) => `«${tenant}»: доступ приостановлен`,
    heading: 'Доступ приостановлен',
    text: (tenant) =>
      `Доступ для «${tenant}» приостановлен: ключи API не принимаются, войти нельзя. Все данные сохраняются. Пожалуйста, свяжитесь с нами.`,
  },
  resumed: {
    subject: (tenant) => `«${tenant}» снова открыт`,
    heading: 'Приостановка снята',
    text: (tenant) => `«${tenant}» снова открыт: ключи API работают как раньше, и все могут войти.`,
  },
  'trial-ended': {
    subject: (tenant) => `Пробный период «${tenant}» закончился`,
    heading: 'Ваш пробный период закончился',
    text: (tenant) =>
      `Пробный период «${tenant}» закончился: ключи API больше не принимаются. Все данные сохраняются. Чтобы продолжить, сообщите нам.`,
  },
  cancelled: {
    subject: (tenant) => `«${tenant}»: подписка отменена`,
    heading: 'Подписка отменена',
    text: (tenant) =>
      `Подписка «${tenant}» отменена: ключи API больше не принимаются. Все данные сохраняются, и вы можете их просматривать.`,
  },
  archived: {
    subject: (tenant) => `«${tenant}» в архиве`,
    heading: 'Данные в архиве',
    text: (tenant) =>
      `«${tenant}» перенесён в архив. Данные сохраняются; если они снова понадобятся, сообщите нам.`,
  },
  deleted: {
    subject: (tenant) => `«${tenant}» будет удалён`,
    heading: 'Всё будет удалено',
    text: (tenant) =>
      `«${tenant}» закрыт, и данные будут удалены окончательно. До этого мы можем всё восстановить: сообщите нам.`,
  },
  restored: {
    subject: (tenant) => `«${tenant}» восстановлен`,
    heading: 'Всё снова на месте',
    text: (tenant) => `«${tenant}» восстановлен. Можно продолжать с того же места.`,
  },
};

/** Russian: the mails about tenants and the products they use. */
export const tenantMails: MailTemplates<TenantMailKind> = {
  'tenant-notice': ({ recipientName, tenantName, change, purgeAt, link }, moment) => ({
    subject: notices[change].subject(tenantName),
    preheader: notices[change].heading,
    heading: notices[change].heading,
    greeting: hello(recipientName),
    passages: [
      text(notices[change].text(tenantName)),
      ...(purgeAt ? [facts(['Можно восстановить до', moment(purgeAt)])] : []),
    ],
    action: { label: 'Открыть Usher', url: link },
    after: [],
    reason: because(tenantName),
  }),

  'trial-ending': ({ recipientName, tenantName, productName, endsAt, link }, moment) => ({
    subject: `Пробный период «${productName ?? tenantName}» скоро закончится`,
    preheader: `Он закончится ${moment(endsAt)}.`,
    heading: 'Ваш пробный период скоро закончится',
    greeting: hello(recipientName),
    passages: [
      text(
        productName
          ? `Пробный период «${productName}» для «${tenantName}» подходит к концу. Чтобы сохранить доступ, сообщите нам заранее.`
          : `Пробный период «${tenantName}» подходит к концу. Чтобы продолжить без перерыва, сообщите нам заранее.`,
      ),
      facts(['Закончится', moment(endsAt)]),
    ],
    action: { label: 'Открыть Usher', url: link },
    after: ['Ваши данные сохранятся в любом случае.'],
    reason: because(tenantName),
  }),

  'trial-ended': ({ recipientName, tenantName, productName, endsAt, link }, moment) => ({
    subject: `Пробный период «${productName ?? tenantName}» закончился`,
    preheader: `Он закончился ${moment(endsAt)}.`,
    heading: 'Ваш пробный период закончился',
    greeting: hello(recipientName),
    passages: [
      text(
        productName
          ? `Пробный период «${productName}» для «${tenantName}» закончился, пользоваться им больше нельзя. Чтобы вернуть доступ, сообщите нам.`
          : `Пробный период «${tenantName}» закончился. Чтобы продолжить, сообщите нам.`,
      ),
      facts(['Закончился', moment(endsAt)]),
    ],
    action: { label: 'Открыть Usher', url: link },
    after: ['Ваши данные сохраняются.'],
    reason: because(tenantName),
  }),

  'purge-blocked': ({ tenantName, problemTitle, whatToDo, blockedAt, link }, moment) => ({
    subject: `Удаление остановлено: ${tenantName} – ${problemTitle}`,
    preheader: whatToDo,
    heading: 'Окончательное удаление остановлено',
    greeting: null,
    passages: [
      text(
        'Экспорт, который должен ему предшествовать, не удался. Ничего не удалено. Он повторится сам.',
      ),
      facts(
        ['Тенант', tenantName],
        ['Проблема', problemTitle],
        ['Что делать', whatToDo],
        ['С', moment(blockedAt)],
      ),
    ],
    action: { label: 'Открыть тенант', url: link },
    after: [],
    reason: 'Вы получили это письмо, потому что отвечаете за тенантов.',
  }),

  'catalog-request': ({ tenantName, productName, trial, note, requestedAt, link }, moment) => ({
    subject: trial
      ? `«${tenantName}» пробует «${productName}»`
      : `«${tenantName}» просит «${productName}»`,
    preheader: trial ? 'Начался пробный период.' : 'Нужно решение.',
    heading: trial ? 'Начался пробный период' : 'Просят подключить продукт',
    greeting: null,
    passages: [
      facts(['Тенант', tenantName], ['Продукт', productName], ['Запрошено', moment(requestedAt)]),
      ...(note ? [text('Комментарий:'), quote(note)] : []),
    ],
    action: { label: 'Открыть тенант', url: link },
    after: trial
      ? ['Пробный период закончится сам; его можно продлить один раз.']
      : ['Дайте доступ, задав право на продукт, или отклоните запрос.'],
    reason: 'Вы получили это письмо, потому что отвечаете за тенантов.',
  }),
};
