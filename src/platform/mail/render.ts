import { manyLines, oneLine } from '../display-text';
import { formatMoment, localeOf, type Locale } from '../locale';
import type { MailContent, MailTemplates } from './templates/content';
import * as deCustomer from './templates/de-customer';
import * as deKeys from './templates/de-keys';
import * as deStaff from './templates/de-staff';
import * as deTenants from './templates/de-tenants';
import * as enCustomer from './templates/en-customer';
import * as enKeys from './templates/en-keys';
import * as enStaff from './templates/en-staff';
import * as enTenants from './templates/en-tenants';
import type { MailData, MailKind } from './templates/kinds';
import { mailHtml, mailText } from './templates/layout';
import * as ruCustomer from './templates/ru-customer';
import * as ruKeys from './templates/ru-keys';
import * as ruStaff from './templates/ru-staff';
import * as ruTenants from './templates/ru-tenants';

/** One mail to be written: its kind decides what its data must be. */
export interface MailToRender<Kind extends MailKind> {
  kind: Kind;
  /** BCP 47; falls back to its language, then to English. */
  locale: string | null;
  data: MailData[Kind];
  /** IANA zone that moments are written in; UTC when left out. */
  timeZone?: string;
}

/** A mail as it is handed to the transport. */
export interface RenderedMail {
  /** One line, without control characters: fit for a header. */
  subject: string;
  text: string;
  html: string;
}

const templates: Readonly<Record<Locale, MailTemplates>> = {
  en: {
    ...enCustomer.customerMails,
    ...enStaff.staffMails,
    ...enTenants.tenantMails,
    ...enKeys.keyMails,
  },
  de: {
    ...deCustomer.customerMails,
    ...deStaff.staffMails,
    ...deTenants.tenantMails,
    ...deKeys.keyMails,
  },
  ru: {
    ...ruCustomer.customerMails,
    ...ruStaff.staffMails,
    ...ruTenants.tenantMails,
    ...ruKeys.keyMails,
  },
};

/* Visible characters; whatever is not named here is a name. */
const limits: Readonly<Record<string, number>> = {
  email: 254,
  step: 120,
  problemCode: 120,
  problemTitle: 150,
  whatToDo: 500,
};

/**
 * Writes a mail: subject, a text part that is complete by itself, and an HTML part without images
 * or trackers. Whatever names hold, it stays inert text. Throws a TypeError when the mail's `link` is
 * no http(s) address; other addresses that are none are left out.
 */
export function renderMail<Kind extends MailKind>(mail: MailToRender<Kind>): RenderedMail {
  const locale = localeOf(mail.locale);
  const moment = (at: Date) => formatMoment(at, locale, mail.timeZone);
  const template = templates[locale][mail.kind];
  const content: MailContent = template(forDisplay(mail.data), moment);
  return {
    subject: oneLine(content.subject, 180),
    text: mailText(content),
    html: mailHtml(content, locale),
  };
}

function forDisplay<Data extends object>(data: Data): Data {
  const entries = Object.entries(data).map(([key, value]: [string, unknown]) => [
    key,
    typeof value === 'string' ? shown(key, value) : value,
  ]);
  return Object.fromEntries(entries) as Data;
}

function shown(key: string, value: string): string | null {
  switch (key) {
    case 'link': {
      const link = webAddress(value);
      if (!link) throw new TypeError('The link of a mail must be an http(s) address.');
      return link;
    }
    case 'workspaceUrl':
    case 'docsUrl':
      return webAddress(value);
    case 'recipientName':
    case 'inviterName':
      return oneLine(value) || null;
    case 'reason':
    case 'note':
      return manyLines(value) || null;
    default:
      return oneLine(value, limits[key]) || '…';
  }
}

function webAddress(value: string): string | null {
  const url = URL.canParse(value) ? new URL(value) : null;
  return url && ['http:', 'https:'].includes(url.protocol) ? url.href : null;
}
