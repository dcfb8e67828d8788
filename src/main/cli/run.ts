import { UsageError, parseInput } from './command';
import type { CliIo, Command } from './command';
import { failureLines } from './failures';
import { commandHelp, overview } from './help';
import { nearest } from './suggest';

/**
 * Runs one call of the command line.
 * @returns the exit code: 0 done, 1 failed, 2 the call was not understood
 */
export async function runCli(
  words: readonly string[],
  commands: readonly Command[],
  io: CliIo,
): Promise<number> {
  const asked = words[0] === 'help' ? words.slice(1) : words;
  const found = findCommand(asked, commands);
  if (!found) return withoutCommand(asked, words[0] === 'help', commands, io);
  const { command, rest } = found;
  if (words[0] === 'help') {
    io.out(commandHelp(command));
    return 0;
  }
  try {
    const input = parseInput(command, rest);
    if (!input.has('help')) return await command.run(input, io);
    io.out(commandHelp(command));
    return 0;
  } catch (error) {
    if (error instanceof UsageError) {
      io.err(`usher ${command.name}: ${sentence(error.message)}`);
      io.err(`Try: usher ${command.name} --help`);
      return 2;
    }
    for (const line of failureLines(error)) io.err(line);
    return 1;
  }
}

// The longest name wins: `onboarding list` before a command `onboarding`, if there were one.
function findCommand(
  words: readonly string[],
  commands: readonly Command[],
): { command: Command; rest: readonly string[] } | undefined {
  const found = commands
    .map((command) => ({ command, name: command.name.split(' ') }))
    .filter(({ name }) => name.every((part, index) => words[index] === part))
    .sort((a, b) => b.name.length - a.name.length)[0];
  return found && { command: found.command, rest: words.slice(found.name.length) };
}

function withoutCommand(
  words: readonly string[],
  wantsHelp: boolean,
  commands: readonly Command[],
  io: CliIo,
): number {
  const named = words.filter((word) => !word.startsWith('-'));
  const flags = words.filter((word) => word.startsWith('-'));
  const groups = [...new Set(commands.map(({ name }) => name.split(' ')[0] ?? ''))];
  const [group = ''] = named;
  const help = wantsHelp || flags.includes('--help') || flags.includes('-h');
  if (named.length === 0) {
    const odd = flags.find((flag) => flag !== '--help' && flag !== '-h');
    if (odd !== undefined) return refuse(`There is no option ${odd} without a command`, '', io);
    // Without any word a person wants to know what there is; a script has made a mistake.
    (help ? io.out : io.err)(overview(commands));
    return help ? 0 : 2;
  }
  if (named.length === 1 && groups.includes(group)) {
    (help ? io.out : io.err)(overview(commands, group));
    return help ? 0 : 2;
  }
  if (groups.includes(group)) {
    const members = commands.flatMap(({ name }) =>
      name.startsWith(`${group} `) ? [name.slice(group.length + 1)] : [],
    );
    const guess = nearest(named[1] ?? '', members);
    const meant = guess === undefined ? '' : `; did you mean usher ${group} ${guess}?`;
    return refuse(`usher ${group} has no command ${named[1] ?? ''}${meant}`, ` ${group}`, io);
  }
  const names = commands.map(({ name }) => name);
  const guess = nearest(named.slice(0, 2).join(' '), names) ?? nearest(group, groups);
  const meant = guess === undefined ? '' : `; did you mean usher ${guess}?`;
  return refuse(`There is no command ${group}${meant}`, '', io);
}

const sentence = (text: string): string => (/[.?!]$/.test(text) ? text : `${text}.`);

function refuse(message: string, group: string, io: CliIo): number {
  io.err(sentence(message));
  io.err(`Try: usher${group} --help`);
  return 2;
}
