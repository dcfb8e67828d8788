import type { Command, Option } from './command';

const indent = '  ';
const width = 96;

function wrap(text: string, margin: string): string {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && margin.length + line.length + word.length + 1 > width) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line].map((one) => margin + one).join('\n');
}

function columns(rows: readonly (readonly [string, string])[]): string[] {
  const first = Math.min(34, Math.max(...rows.map(([name]) => name.length)) + 2);
  return rows.map(([name, about]) => {
    const [head = '', ...rest] = wrap(about, ' '.repeat(indent.length + first)).split('\n');
    const label = `${indent}${name.padEnd(first)}`;
    const start =
      name.length + 2 > first ? `${label}\n${head}` : `${label}${head.slice(label.length)}`;
    return [start, ...rest].join('\n');
  });
}

function signature(command: Command): string {
  const args = (command.args ?? []).map(({ name, required, many }) => {
    const shown = `${name}${many ? ' …' : ''}`;
    return required ? shown : `[${shown}]`;
  });
  const required = Object.entries<Option>(command.options ?? {})
    .filter(([, option]) => option.required)
    .map(([name, { value }]) => `--${name} ${value ?? ''}`.trim());
  const optional = Object.values<Option>(command.options ?? {}).some((option) => !option.required);
  return ['usher', command.name, ...args, ...required, ...(optional ? ['[options]'] : [])].join(
    ' ',
  );
}

/** The help of one command. */
export function commandHelp(command: Command): string {
  const options = Object.entries<Option>(command.options ?? {}).map(
    ([name, { value, about, many }]) =>
      [
        `--${name}${value === undefined ? '' : ` ${value}`}`,
        `${about}${many ? ' (may be repeated)' : ''}`,
      ] as const,
  );
  const args = (command.args ?? []).map(({ name, about }) => [name, about] as const);
  return [
    wrap(`${command.summary}.`, ''),
    '',
    'Usage:',
    `${indent}${signature(command)}`,
    ...(args.length > 0 ? ['', 'Arguments:', ...columns(args)] : []),
    ...(options.length > 0 ? ['', 'Options:', ...columns(options)] : []),
    ...(command.notes ?? []).flatMap((note) => ['', wrap(note, '')]),
    ...(command.examples
      ? [
          '',
          'Examples:',
          ...command.examples.map((line) => `${indent}usher ${command.name} ${line}`.trimEnd()),
        ]
      : []),
  ].join('\n');
}

/** The help of a group such as `onboarding`, or of everything. */
export function overview(commands: readonly Command[], group?: string): string {
  const shown = commands.filter(
    ({ name }) => group === undefined || name === group || name.startsWith(`${group} `),
  );
  const rows = shown.map(({ name, summary }) => [name, summary] as const);
  const head =
    group === undefined
      ? [
          'usher: the command line of those who run Usher.',
          '',
          'Usage:',
          `${indent}usher COMMAND [options]`,
        ]
      : [`Usage:`, `${indent}usher ${group} COMMAND [options]`];
  return [
    ...head,
    '',
    'Commands:',
    ...columns(rows),
    '',
    group === undefined
      ? wrap(
          'usher COMMAND --help explains a command. While bin/dev or bin/demo runs in this folder, everything is configured from it; otherwise from the environment (.env.example lists the variables). Exit codes: 0 done, 1 failed, 2 the call was not understood.',
          '',
        )
      : `usher ${group} COMMAND --help explains a command.`,
  ].join('\n');
}
