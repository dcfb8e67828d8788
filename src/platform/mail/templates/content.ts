import type { MailData, MailKind } from './kinds';

/** A passage of a mail. */
export type Passage =
  | { kind: 'text'; text: string }
  | { kind: 'facts'; rows: readonly (readonly [label: string, value: string])[] }
  | { kind: 'list'; items: readonly string[] }
  | { kind: 'links'; links: readonly (readonly [label: string, url: string])[] }
  | { kind: 'quote'; text: string };

/** What a mail says, before it takes the form of text or of HTML. */
export interface MailContent {
  subject: string;
  /** What a mailbox shows beside the subject. */
  preheader: string;
  heading: string;
  greeting: string | null;
  passages: readonly Passage[];
  action: { label: string; url: string };
  after: readonly string[];
  /** Why the reader gets this mail. */
  reason: string;
}

/** A mail's words in one language; names in the data are already cleaned for display. */
export type MailTemplates<Kind extends MailKind = MailKind> = {
  readonly [K in Kind]: (data: MailData[K], moment: (at: Date) => string) => MailContent;
};

/** The kinds that customers read. */
export type CustomerMailKind =
  'invite' | 'invite-reminder' | 'customer-input-reminder' | 'welcome' | 'login-link';

/** The kinds that whoever looks after API keys reads. */
export type KeyMailKind =
  | 'key-rotation-reminder'
  | 'key-rotation-unused'
  | 'key-rotation-extended'
  | 'key-rotation-requested'
  | 'key-leaked';

/** The kinds about a tenant's way through its statuses and the products that it uses. */
export type TenantMailKind =
  'tenant-notice' | 'trial-ending' | 'trial-ended' | 'purge-blocked' | 'catalog-request';

/** The kinds that operators and inviters read. */
export type StaffMailKind = Exclude<MailKind, CustomerMailKind | TenantMailKind | KeyMailKind>;

/** A paragraph. */
export function text(words: string): Passage {
  return { kind: 'text', text: words };
}

/** Labels and what they stand for. */
export function facts(...rows: (readonly [label: string, value: string])[]): Passage {
  return { kind: 'facts', rows };
}

/** Items, one below the other. */
export function list(...items: string[]): Passage {
  return { kind: 'list', items };
}

/** Links beside the mail's main one; those without an address are left out. */
export function links(
  ...all: (readonly [label: string, url: string | null | undefined])[]
): Passage[] {
  const known = all.filter((link): link is readonly [string, string] => Boolean(link[1]));
  return known.length > 0 ? [{ kind: 'links', links: known }] : [];
}

/** Something that somebody else wrote, set apart as such. */
export function quote(words: string): Passage {
  return { kind: 'quote', text: words };
}
