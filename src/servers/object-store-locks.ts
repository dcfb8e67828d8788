import { StoreRefusal, textOf } from './object-store-answers';

/** How long a version of an object cannot be deleted. COMPLIANCE binds everybody, GOVERNANCE can be bypassed. */
export interface Retention {
  readonly mode: 'COMPLIANCE' | 'GOVERNANCE';
  /** RFC 3339, UTC. */
  readonly until: string;
}

/** What keeps a version from being deleted. */
export interface Lock {
  readonly retention: Retention | null;
  readonly legalHold: boolean;
}

/** Nothing does. */
export const noLock: Lock = { retention: null, legalHold: false };

/** What a bucket gives to objects that say nothing themselves. */
export interface DefaultRetention {
  readonly mode: Retention['mode'];
  readonly days: number;
}

const dayMs = 24 * 60 * 60 * 1000;
const malformed = (message: string) => new StoreRefusal(400, 'InvalidArgument', message);

function retentionOf(mode: string | undefined, until: string | undefined, now: number): Retention {
  if (mode !== 'COMPLIANCE' && mode !== 'GOVERNANCE') throw malformed('Unknown retention mode.');
  const time = Date.parse(until ?? '');
  if (!(time > now)) throw malformed('The retain until date must be in the future.');
  return { mode, until: new Date(time).toISOString() };
}

/** The lock that the headers of a PUT ask for; a bucket's default where they say nothing. */
export function lockOfHeaders(
  header: (name: string) => string | undefined,
  standard: DefaultRetention | null,
  now: number,
): Lock {
  const mode = header('x-amz-object-lock-mode');
  const until = header('x-amz-object-lock-retain-until-date');
  const hold = header('x-amz-object-lock-legal-hold');
  const legalHold = hold === undefined ? false : holdOf(hold);
  if (mode !== undefined || until !== undefined) {
    return { retention: retentionOf(mode, until, now), legalHold };
  }
  if (!standard) return { retention: null, legalHold };
  const end = new Date(now + standard.days * dayMs).toISOString();
  return { retention: { mode: standard.mode, until: end }, legalHold };
}

/** The retention that the body of a request asks for; null for none. */
export function retentionOfXml(document: string, now: number): Retention | null {
  const mode = textOf(document, 'Mode');
  return mode === undefined ? null : retentionOf(mode, textOf(document, 'RetainUntilDate'), now);
}

/** The default retention that the body of a request asks for; null for none. */
export function defaultRetentionOfXml(document: string): DefaultRetention | null {
  const mode = textOf(document, 'Mode');
  if (mode === undefined) return null;
  const days = Number(textOf(document, 'Days') ?? Number(textOf(document, 'Years')) * 365);
  if (mode !== 'COMPLIANCE' && mode !== 'GOVERNANCE') throw malformed('Unknown retention mode.');
  if (!Number.isInteger(days) || days < 1)
    throw malformed('Default retention needs days or years.');
  return { mode, days };
}

/** The legal hold of a text, `ON` or `OFF`. */
export function holdOf(text: string | undefined): boolean {
  if (text !== 'ON' && text !== 'OFF') throw malformed('A legal hold is ON or OFF.');
  return text === 'ON';
}

const denied = (message: string) => new StoreRefusal(403, 'AccessDenied', message);

/** Refuses to delete a version that is locked. */
export function requireDeletable({ retention, legalHold }: Lock, bypass: boolean, now: number) {
  if (legalHold) throw denied('The version is under legal hold.');
  if (!retention || Date.parse(retention.until) <= now) return;
  if (retention.mode === 'GOVERNANCE' && bypass) return;
  throw denied(`The version is retained until ${retention.until}.`);
}

/** Refuses to make a retention shorter or weaker. */
export function requireStronger(
  { retention: held }: Lock,
  wanted: Retention | null,
  bypass: boolean,
  now: number,
): void {
  if (!held || Date.parse(held.until) <= now) return;
  const longer = wanted && Date.parse(wanted.until) >= Date.parse(held.until);
  if (longer && (wanted.mode === held.mode || held.mode === 'GOVERNANCE')) return;
  if (held.mode === 'GOVERNANCE' && bypass) return;
  throw denied(`The version is retained until ${held.until}.`);
}
