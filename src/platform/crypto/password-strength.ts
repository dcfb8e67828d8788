import { commonWords } from './common-passwords';

/** Longest password, in UTF-16 units; a bound on work, far above any passphrase. */
export const passwordMaxLength = 1024;

/** Why a password is refused. There are no composition rules (NIST SP 800-63B-4, 3.1.1.2). */
export type PasswordFlaw =
  'password-too-short' | 'password-too-long' | 'password-common' | 'password-personal';

/** Shorter personal words would refuse passwords that hold them by chance. */
const shortestPersonalWord = 4;

/** Parts that a password must be made of: a common word, a run or a repetition counts as one. */
const fewestParts = 7;

const words = [...new Set(commonWords)].sort((a, b) => b.length - a.length);
const rows = [
  '0123456789012345678901234567890',
  'abcdefghijklmnopqrstuvwxyz',
  'qwertyuiop',
  'qwertzuiop',
  'asdfghjkl',
  'zxcvbnm',
  'абвгдеёжзийклмнопрстуфхцчшщъыьэюя',
  'йцукенгшщзхъ',
  'фывапролджэ',
  'ячсмитьбю',
];
const runs = [...rows, ...rows.map((row) => [...row].reverse().join(''))];
const look: Readonly<Record<string, string>> = {
  '0': 'o',
  '1': 'i',
  '3': 'e',
  '4': 'a',
  '5': 's',
  '7': 't',
  '@': 'a',
  $: 's',
  '!': 'i',
};

/**
 * What is wrong with a password, or undefined. Length is counted in code points of the NFC form.
 * @param personal the person's address and name, the tenant's name and slug: none of their words may occur
 */
export function passwordFlaw(
  password: string,
  rule: { readonly minLength: number; readonly personal: readonly string[] },
): PasswordFlaw | undefined {
  if (password.length > passwordMaxLength) return 'password-too-long';
  const text = password.normalize('NFC');
  if ([...text].length < rule.minLength) return 'password-too-short';
  const forms = [fold(text), fold(unmask(text))];
  const own = rule.personal.flatMap(personalWords);
  if (own.some((word) => forms.some((form) => form.includes(word)))) return 'password-personal';
  if (forms.some((form) => partsOf(form) < fewestParts)) return 'password-common';
  return undefined;
}

// Case, accents and width do not make another word of a word.
function fold(text: string): string {
  return text
    .normalize('NFKD')
    .replace(/\p{Mn}/gu, '')
    .toLowerCase()
    .replaceAll('ß', 'ss');
}

function unmask(text: string): string {
  return text.replace(/[013457@$!]/g, (character) => look[character] ?? character);
}

function personalWords(text: string): string[] {
  const folded = fold(text);
  // Of an address the top-level domain says nothing about the person.
  const known = folded.includes('@') ? folded.replace(/\.[^.]*$/, '') : folded;
  const parts = known.split(/[^\p{L}\p{N}]+/u);
  return [folded.trim(), ...parts, parts.join('')].filter(
    (word) => [...word].length >= shortestPersonalWord,
  );
}

/** Counts what is left to guess: words, runs and repetitions once, other letters and distinct signs one by one. */
function partsOf(folded: string): number {
  const text = unrepeated(folded);
  const signs = new Set(text.replace(/[\p{L}\p{N}\s]/gu, '')).size;
  let rest = text.replace(/[^\p{L}\p{N}]/gu, '');
  let parts = signs;
  while (rest !== '') {
    const length = Math.max(wordAt(rest), runAt(rest), 1);
    rest = rest.slice(length);
    parts += 1;
  }
  return parts;
}

/** The shortest text of which this one is a repetition; its last turn may be cut off. */
function unrepeated(text: string): string {
  for (let period = 1; period <= text.length / 2; period += 1) {
    if (text.startsWith(text.slice(period))) return text.slice(0, period);
  }
  return text;
}

function wordAt(text: string): number {
  return words.find((word) => text.startsWith(word))?.length ?? 0;
}

function runAt(text: string): number {
  const [same = ''] = /^(.)\1*/su.exec(text) ?? [];
  let longest = same.length >= 3 ? same.length : 0;
  for (const run of runs) {
    const start = run.indexOf(text.charAt(0));
    if (start < 0) continue;
    let length = 1;
    while (length < text.length && run.charAt(start + length) === text.charAt(length)) length += 1;
    if (length >= 3 && length > longest) longest = length;
  }
  return longest;
}
