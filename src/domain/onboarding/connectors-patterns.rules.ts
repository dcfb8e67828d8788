const quantifier = /^(?:[*+?]|\{(\d+)(,(\d*))?\})/;
const fewRepeats = 10;

/**
 * What is wrong with a pattern of a connector file; undefined when it compiles and is cheap on a text of 1,000
 * characters: at most two open-ended repeats, none of them inside a repeated group, no look-around, no back reference.
 */
export function patternMistake(pattern: string): string | undefined {
  try {
    new RegExp(pattern, 'u');
  } catch {
    return 'is no valid regular expression; see it compile with new RegExp(pattern, "u")';
  }
  if (/\(\?(?:[=!]|<[=!])/.test(pattern)) return 'uses look-around; write it without';
  if (/\\(?:[1-9]|k<)/.test(pattern)) return 'uses a back reference; write it without';
  return repeatMistake(pattern);
}

interface Group {
  wide: boolean;
  alternatives: boolean;
}

function repeatMistake(pattern: string): string | undefined {
  const groups: Group[] = [{ wide: false, alternatives: false }];
  let wideRepeats = 0;
  for (let at = 0; at < pattern.length;) {
    const group = groups.at(-1) ?? { wide: false, alternatives: false };
    const char = pattern[at];
    let closed: Group | undefined;
    if (char === '\\') at += escapeLength(pattern, at);
    else if (char === '[') at = classEnd(pattern, at);
    else if (char === '(') {
      groups.push({ wide: false, alternatives: false });
      at += 1;
      continue;
    } else {
      if (char === ')') closed = groups.pop();
      if (char === '|') group.alternatives = true;
      at += 1;
    }
    const repeat = quantifier.exec(pattern.slice(at));
    if (repeat) at += repeat[0].length;
    const wide = repeat !== null && isWide(repeat);
    if (wide && closed && (closed.wide || closed.alternatives)) {
      return 'repeats a group that itself repeats or has alternatives, which can take for ever; write it without';
    }
    if (wide) wideRepeats += 1;
    if (wide || closed?.wide) (groups.at(-1) ?? group).wide = true;
  }
  return wideRepeats > 2 ? 'has more than two open-ended repeats; write it with fewer' : undefined;
}

function isWide([text, min, range, max]: RegExpExecArray): boolean {
  if (text === '?') return false;
  if (min === undefined) return true;
  const most = range === undefined ? Number(min) : max === '' ? Infinity : Number(max);
  return most > fewRepeats;
}

function escapeLength(pattern: string, at: number): number {
  const braced = /^\\(?:u|p|P)\{[^}]*\}/.exec(pattern.slice(at));
  return braced ? braced[0].length : 2;
}

function classEnd(pattern: string, at: number): number {
  let end = at + 1;
  while (end < pattern.length && pattern[end] !== ']') end += pattern[end] === '\\' ? 2 : 1;
  return end + 1;
}
