/** Something that must not be found: by its name it is reported, since a report is a log as well. */
export interface Needle {
  readonly what: string;
  readonly text: string;
}

/** A place to look in. */
export interface Haystack {
  readonly place: string;
  readonly text: string;
}

/** What must not be found anywhere. */
export interface Needles {
  /** Texts, wherever they stand; letters in either case. */
  readonly parts: readonly Needle[];
  /** Whole tokens, of base64url letters. */
  readonly tokens: ReadonlySet<string>;
}

const shortestToken = 20;

/**
 * Finds secrets, tokens and addresses where they must not be. Answers `<what> in <place>`, each once. Tokens are also
 * found by their pieces between dots, as a JWT has them.
 */
export function findTraces(haystacks: Iterable<Haystack>, needles: Needles): string[] {
  const parts = needles.parts.map(({ what, text }) => ({ what, text: text.toLowerCase() }));
  if (parts.some(({ text }) => text.length < 6)) throw new Error('So short a text is everywhere');
  const tokens = new Set(
    [...needles.tokens].flatMap((token) => [token, ...token.split('.')]).filter(isLong),
  );
  const found = new Set<string>();
  for (const { place, text } of haystacks) {
    const lower = text.toLowerCase();
    for (const { what, text: part } of parts) {
      if (lower.includes(part)) found.add(`${what} in ${place}`);
    }
    for (const [word] of text.matchAll(/[\w-]{20,}/g)) {
      if (tokens.has(word)) found.add(`a token in ${place}`);
    }
  }
  return [...found].sort();
}

function isLong(token: string): boolean {
  return token.length >= shortestToken;
}
