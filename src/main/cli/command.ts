import { parseArgs } from 'node:util';
import { nearest } from './suggest';

/** Where a command reads and writes; tests bring their own. */
export interface CliIo {
  /** Writes a line to standard output. */
  readonly out: (line: string) => void;
  /** Writes a line to standard error. */
  readonly err: (line: string) => void;
  readonly env: NodeJS.ProcessEnv;
  /** The folder of package.json. */
  readonly root: string;
  /** Everything that is piped in. */
  readonly readStdin: () => Promise<string>;
  /** Whether a person sits at standard input, so that a prompt helps. */
  readonly interactive: boolean;
}

/** An option of a command. */
export interface Option {
  readonly about: string;
  /** Name of the value in the help; without one the option is a switch. */
  readonly value?: string;
  /** May be given several times. */
  readonly many?: true;
  readonly required?: true;
}

/** A positional argument of a command. */
export interface Argument {
  readonly name: string;
  readonly about: string;
  readonly required?: true;
  /** Takes all that follow. */
  readonly many?: true;
}

/** One command, found by its words. */
export interface Command {
  /** For example `onboarding list`. */
  readonly name: string;
  readonly summary: string;
  readonly args?: readonly Argument[];
  readonly options?: Readonly<Record<string, Option>>;
  /** Paragraphs under the options in the help. */
  readonly notes?: readonly string[];
  /** Arguments after the name, one line each. */
  readonly examples?: readonly string[];
  /** Answers the exit code: 0 done, 1 failed. */
  run(input: Input, io: CliIo): Promise<number>;
}

/** What a command was called with. */
export interface Input {
  readonly args: readonly string[];
  /** The value of an option, or undefined. */
  text(name: string): string | undefined;
  /** The value of a required option. */
  given(name: string): string;
  list(name: string): readonly string[];
  has(name: string): boolean;
}

/** A call that cannot be understood; ends with exit code 2. */
export class UsageError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'UsageError';
  }
}

/** A command that did not succeed; `advice` says what to do. Ends with exit code 1. */
export class CommandFailure extends Error {
  readonly advice: string | undefined;

  constructor(message: string, advice?: string) {
    super(message);
    this.name = 'CommandFailure';
    this.advice = advice;
  }
}

/**
 * Reads the words after a command's name.
 * @throws UsageError for what the command does not know or what is missing
 */
export function parseInput(command: Command, words: readonly string[]): Input {
  const known = { ...command.options, help: { about: 'Show this help' } };
  const { tokens } = parseArgs({
    args: [...words],
    options: Object.fromEntries(
      Object.entries<Option>(known).map(([name, { value }]) => [
        name,
        { type: value === undefined ? ('boolean' as const) : ('string' as const), multiple: true },
      ]),
    ),
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  const values = new Map<string, string[]>();
  const args: string[] = [];
  for (const token of tokens) {
    if (token.kind === 'positional') args.push(token.value);
    if (token.kind !== 'option') continue;
    const option = Object.hasOwn(known, token.name)
      ? (known as Readonly<Record<string, Option>>)[token.name]
      : undefined;
    if (!option) throw unknownOption(token.rawName, Object.keys(known));
    const value = valueOf(token, option);
    const before = values.get(token.name) ?? [];
    if (before.length > 0 && !option.many && option.value !== undefined) {
      throw new UsageError(`--${token.name} may be given only once`);
    }
    values.set(token.name, [...before, value]);
  }
  const input = inputOf(values, args);
  if (!input.has('help')) requireAll(command, input);
  return input;
}

function unknownOption(rawName: string, names: readonly string[]): UsageError {
  const guess = nearest(rawName.replace(/^-+/, ''), names);
  return new UsageError(
    `There is no option ${rawName}${guess === undefined ? '' : `; did you mean --${guess}?`}`,
  );
}

function valueOf(
  token: {
    readonly name: string;
    readonly value?: string | undefined;
    readonly inlineValue?: boolean | undefined;
  },
  option: Option,
): string {
  if (option.value === undefined) {
    if (token.value !== undefined) throw new UsageError(`--${token.name} takes no value`);
    return '';
  }
  if (token.value === undefined || (token.value === '' && !option.required)) {
    throw new UsageError(`--${token.name} needs a value: --${token.name} ${option.value}`);
  }
  if (token.inlineValue === false && token.value.startsWith('--')) {
    throw new UsageError(
      `--${token.name} needs a value; if it really begins with two hyphens, write --${token.name}=${token.value}`,
    );
  }
  return token.value;
}

function inputOf(values: ReadonlyMap<string, readonly string[]>, args: readonly string[]): Input {
  const text = (name: string): string | undefined => values.get(name)?.[0];
  return {
    args,
    text,
    given: (name) => text(name) ?? '',
    list: (name) => values.get(name) ?? [],
    has: (name) => values.has(name),
  };
}

function requireAll(command: Command, input: Input): void {
  const missing = Object.entries<Option>(command.options ?? {})
    .filter(([name, { required }]) => required && !input.has(name))
    .map(([name, { value }]) => `--${name} ${value ?? ''}`.trim());
  const declared = command.args ?? [];
  const wanted = declared.filter(({ required }) => required);
  const lacking = wanted.slice(input.args.length).map(({ name }) => name);
  const all = [...lacking, ...missing];
  if (all.length > 0)
    throw new UsageError(`${all.join(', ')} ${all.length > 1 ? 'are' : 'is'} missing`);
  const surplus = declared.some(({ many }) => many) ? [] : input.args.slice(declared.length);
  if (surplus.length > 0)
    throw new UsageError(`${surplus.join(' ')}: nothing more is expected here`);
}
