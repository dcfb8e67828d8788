import type { CliIo } from './command';
import type { Examination, Finding } from './findings';

const signs = { ok: 'ok  ', look: 'look', bad: 'FAIL' } as const;

/** Prints what was found, with what to do, and how many things are wrong. */
export function printFindings(
  io: CliIo,
  found: readonly { readonly name: Examination['name']; readonly findings: readonly Finding[] }[],
): void {
  const width = Math.max(...found.map(({ name }) => name.length)) + 2;
  const margin = ' '.repeat(6 + width);
  for (const { name, findings } of found) {
    for (const { state, detail, advice } of findings) {
      io.out(`${signs[state]}  ${name.padEnd(width)}${detail}`);
      for (const line of (advice ?? '').split('\n').filter(Boolean)) io.out(`${margin}→ ${line}`);
    }
  }
  const all = found.flatMap(({ findings }) => findings);
  const bad = all.filter(({ state }) => state === 'bad').length;
  const look = all.filter(({ state }) => state === 'look').length;
  io.out('');
  io.out(
    bad > 0
      ? `${String(bad)} thing(s) do not work.`
      : look > 0
        ? `Everything works; ${String(look)} thing(s) are worth a look.`
        : 'Everything works.',
  );
}
