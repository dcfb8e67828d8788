import { createCipheriv, createDecipheriv, createHash, createHmac } from 'node:crypto';
import { gunzipSync, gzipSync } from 'node:zlib';
import { canonical } from '../audit/canonical.rules';
import type { SubjectKey } from './subject-keys';
import { sealingKey } from './subject-keys';

/** A part of an entry's personal data, as `audit_pii` has it. */
export interface PersonalPart {
  readonly seq: number;
  readonly part: string;
  readonly tenant_id: string | null;
  readonly event_id: string;
  readonly subjects: readonly string[];
  readonly salt: Buffer;
  readonly body: string;
  readonly search: string | null;
}

/** The parts of the same subjects, sealed together: one line of a personal object. */
interface SealedGroup {
  /** Ids of the keys, one per subject; empty for data of nobody. */
  readonly keys: readonly string[];
  /** How many parts are in it, so that those that are erased can be counted. */
  readonly parts: number;
  /** base64, as the others. */
  readonly iv: string;
  readonly tag: string;
  readonly sealed: string;
}

/** Keys by subject are missing: somebody erased a subject at this moment. */
export class KeyMissing extends Error {
  constructor() {
    super('The key of a subject is not there');
    this.name = 'KeyMissing';
  }
}

const associated = (batchId: string, keys: readonly string[]): Buffer =>
  Buffer.from(`usher/audit/archive/personal/v1\n${batchId}\n${keys.join(',')}`);

/**
 * Seals the personal parts of a batch, all parts of the same subjects as one. The same parts give the same bytes: the
 * key is the batch's own, and the nonce comes from what is sealed.
 * @returns one line per group of subjects
 * @throws KeyMissing
 */
export function sealPersonal(
  parts: readonly PersonalPart[],
  keys: readonly SubjectKey[],
  secret: Buffer,
  batchId: string,
): string[] {
  const bySubject = new Map(keys.map((key) => [key.subject, key]));
  const groups = new Map<string, { keys: SubjectKey[]; parts: PersonalPart[] }>();
  for (const part of parts) {
    const own = part.subjects.map((subject) => {
      const key = bySubject.get(subject);
      if (!key) throw new KeyMissing();
      return key;
    });
    own.sort((a, b) => (a.id < b.id ? -1 : 1));
    const name = own.map(({ id }) => id).join(',');
    const group = groups.get(name);
    if (group) group.parts.push(part);
    else groups.set(name, { keys: own, parts: [part] });
  }
  return [...groups]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, group]) => canonical({ ...sealGroup(group, secret, batchId) }));
}

function sealGroup(
  group: { readonly keys: readonly SubjectKey[]; readonly parts: readonly PersonalPart[] },
  secret: Buffer,
  batchId: string,
): SealedGroup {
  const ids = group.keys.map(({ id }) => id);
  const key = sealingKey(
    secret,
    group.keys.map(({ salt }) => salt),
    batchId,
  );
  const plain = gzipSync(group.parts.map((part) => `${lineOf(part)}\n`).join(''));
  const digest = createHash('sha256').update(plain).digest();
  const iv = createHmac('sha256', key).update('nonce').update(digest).digest().subarray(0, 12);
  const cipher = createCipheriv('aes-256-gcm', key, iv).setAAD(associated(batchId, ids));
  const sealed = Buffer.concat([cipher.update(plain), cipher.final()]);
  return {
    keys: ids,
    parts: group.parts.length,
    iv: iv.toString('base64'),
    tag: cipher.getAuthTag().toString('base64'),
    sealed: sealed.toString('base64'),
  };
}

function lineOf({ salt, ...part }: PersonalPart): string {
  return canonical({ ...part, salt: salt.toString('base64') });
}

/** Which keys the lines of a personal object need. */
export function neededKeys(lines: readonly string[]): string[] {
  return [...new Set(lines.flatMap((line) => (JSON.parse(line) as SealedGroup).keys))];
}

/**
 * Opens the lines of a personal object with the keys that are still there.
 * @returns the parts, and how many cannot be read any more because a subject of them was erased
 * @throws Error for a line that was altered
 */
export function openPersonal(
  lines: readonly string[],
  keys: readonly SubjectKey[],
  secret: Buffer,
  batchId: string,
): { parts: PersonalPart[]; erased: number } {
  const byId = new Map(keys.map((key) => [key.id, key]));
  const parts: PersonalPart[] = [];
  let erased = 0;
  for (const line of lines) {
    const group = JSON.parse(line) as SealedGroup;
    const salts = group.keys.flatMap((id) => byId.get(id)?.salt ?? []);
    if (salts.length < group.keys.length) erased += group.parts;
    else parts.push(...openGroup(group, sealingKey(secret, salts, batchId), batchId));
  }
  return { parts, erased };
}

function openGroup(group: SealedGroup, key: Buffer, batchId: string): PersonalPart[] {
  const iv = Buffer.from(group.iv, 'base64');
  const decipher = createDecipheriv('aes-256-gcm', key, iv, { authTagLength: 16 })
    .setAAD(associated(batchId, group.keys))
    .setAuthTag(Buffer.from(group.tag, 'base64'));
  const plain = Buffer.concat([
    decipher.update(Buffer.from(group.sealed, 'base64')),
    decipher.final(),
  ]);
  return gunzipSync(plain)
    .toString('utf8')
    .split('\n')
    .filter(Boolean)
    .map((line) => {
      const part = JSON.parse(line) as Omit<PersonalPart, 'salt'> & { readonly salt: string };
      return { ...part, salt: Buffer.from(part.salt, 'base64') };
    });
}
