import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { problems } from '../errors/problems';
import type { ProblemDefinition } from '../errors/problems';

const heading = `# Problems

Every error that Usher answers is an \`application/problem+json\` document (RFC 9457). Its \`code\`, the last part of its \`type\`, is
one of those below; the same code stands in logs, in failed workflows and in the console. \`request_id\` finds its log lines.

Made from \`src/errors/catalogue/\` by \`npm run problems:doc\`: change it there.
`;

function section([code, { status, title, retryable, next }]: [string, ProblemDefinition]): string {
  const retry = retryable
    ? 'The same request may succeed later.'
    : 'Trying again unchanged does not help.';
  return `## ${code}\n\n**${title}.** Status ${status}. ${retry}\n\n${next}\n`;
}

/** The page docs/problems.md: a section for each code of the catalogue, in the order of the alphabet. */
export function problemsDocument(): string {
  const entries = Object.entries<ProblemDefinition>(problems);
  const sections = entries.sort(([a], [b]) => a.localeCompare(b, 'en')).map(section);
  return [heading, ...sections].join('\n');
}

if (require.main === module) {
  const file = join(process.cwd(), 'docs', 'problems.md');
  const before = tryRead(file);
  const now = problemsDocument();
  if (before !== now) writeFileSync(file, now);
  console.log(before === now ? 'docs/problems.md is current.' : 'docs/problems.md is written.');
}

function tryRead(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}
