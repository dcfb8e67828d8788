import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** A block of shell in a page, with the statuses that its comments say calls are refused with, in order. */
export interface ExampleBlock {
  /** The heading that it stands under. */
  readonly heading: string;
  readonly line: number;
  readonly code: string;
  readonly refusals: readonly number[];
}

/** The blocks marked `sh` of a page of docs/, in order. */
export function exampleBlocks(page: string): ExampleBlock[] {
  const lines = readFileSync(join(__dirname, '..', '..', 'docs', page), 'utf8').split('\n');
  const blocks: ExampleBlock[] = [];
  let heading = '';
  let begun: number | undefined;
  lines.forEach((line, index) => {
    if (begun === undefined) {
      heading = /^#+ (.+)$/.exec(line)?.[1] ?? heading;
      if (line === '```sh') begun = index + 1;
    } else if (line === '```') {
      const code = lines.slice(begun, index);
      blocks.push({
        heading,
        line: begun + 1,
        code: code.join('\n'),
        refusals: code.flatMap(refusalsIn),
      });
      begun = undefined;
    }
  });
  return blocks;
}

/** Statuses of 4xx and 5xx that the comment at the end of a line names. */
function refusalsIn(line: string): number[] {
  const comment = /(?:^|\s)# (.*)$/.exec(line)?.[1] ?? '';
  return [...comment.matchAll(/(?<![\w-])([45]\d\d)(?![\w-])/g)].map(([, status]) =>
    Number(status),
  );
}
