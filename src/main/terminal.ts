import { stdout } from 'node:process';

/** What a running step shows beside its name; replaced by each new text. */
export type Detail = (text: string) => void;

/**
 * The calm output of bin/demo and bin/dev: one line per step, rewritten while it runs where there
 * is a terminal.
 */
export interface Terminal {
  heading(text: string): void;
  /** A blank line. */
  gap(): void;
  say(text: string): void;
  /** Something a person should notice; not a failure of the command. */
  warn(text: string): void;
  fail(message: string, advice?: string): void;
  /**
   * Runs a step and prints its name, the detail that it answers and how long it took, in seconds.
   * Steps may overlap.
   */
  step<T>(
    name: string,
    work: (detail: Detail) => Promise<T>,
    result?: (value: T) => string,
  ): Promise<T>;
  /** A step that others did: printed at once. */
  done(name: string, detail: string, milliseconds: number): void;
  table(rows: readonly (readonly [label: string, value: string])[]): void;
  /** From now on steps that still run and warnings are not shown: everything is being stopped. */
  settle(): void;
}

interface RunningStep {
  readonly name: string;
  readonly started: number;
  detail: string;
}

const nameWidth = 22;
const detailWidth = 46;

function seconds(milliseconds: number): string {
  return `${(milliseconds / 1000).toFixed(milliseconds < 10_000 ? 2 : 1)} s`;
}

/**
 * Output to stdout: colours and rewritten lines only on a terminal, no colours with NO_COLOR, a
 * plain line per event elsewhere.
 */
export function createTerminal(): Terminal {
  const interactive = stdout.isTTY && process.env['TERM'] !== 'dumb';
  const coloured = interactive && !process.env['NO_COLOR'];
  const paint = (code: number, text: string) =>
    coloured ? `\u001b[${String(code)}m${text}\u001b[0m` : text;
  const running = new Set<RunningStep>();
  let drawn = 0;
  let timer: NodeJS.Timeout | undefined;
  let settled = false;

  const line = (sign: string, name: string, detail: string, milliseconds: number) =>
    `  ${sign} ${name.padEnd(nameWidth)}${paint(2, detail.padEnd(detailWidth))} ${seconds(milliseconds).padStart(8)}`;
  const erase = () => {
    if (drawn > 0) stdout.write(`\u001b[${String(drawn)}A\u001b[0J`);
    drawn = 0;
  };
  const draw = () => {
    if (!interactive) return;
    // A line that wraps could not be erased again.
    const room = Math.max(0, (stdout.columns || 80) - nameWidth - 16);
    for (const { name, detail, started } of running) {
      const short = detail.slice(0, room).padEnd(Math.min(room, detailWidth));
      const time = seconds(performance.now() - started).padStart(8);
      stdout.write(`  ${paint(36, '·')} ${name.padEnd(nameWidth)}${paint(2, short)} ${time}\n`);
      drawn += 1;
    }
  };
  const print = (text: string) => {
    erase();
    stdout.write(`${text}\n`);
    draw();
  };
  const tick = () => {
    if (interactive) {
      erase();
      draw();
      return;
    }
    for (const { name, detail, started } of running) {
      stdout.write(`${line('·', name, detail, performance.now() - started)}\n`);
    }
  };
  const watch = () => {
    if (running.size === 0) {
      clearInterval(timer);
      timer = undefined;
    } else timer ??= setInterval(tick, interactive ? 120 : 15_000);
  };

  return {
    heading: (text) => print(paint(1, text)),
    gap: () => print(''),
    say: (text) => print(`  ${text}`),
    warn: (text) => {
      if (!settled) print(`  ${paint(33, '!')} ${text}`);
    },
    fail: (message, advice) => {
      const [first = '', ...rest] = message.split('\n');
      print(`\n  ${paint(31, '✗')} ${first}`);
      for (const text of rest) print(`    ${text}`);
      if (advice) print(`    ${advice}`);
    },
    step: async (name, work, result) => {
      const step: RunningStep = { name, started: performance.now(), detail: '' };
      running.add(step);
      watch();
      try {
        const value = await work((text) => {
          step.detail = text;
        });
        const detail = result?.(value) ?? step.detail;
        if (running.delete(step))
          print(line(paint(32, '✓'), name, detail, performance.now() - step.started));
        return value;
      } catch (error) {
        if (running.delete(step))
          print(line(paint(31, '✗'), name, step.detail, performance.now() - step.started));
        throw error;
      } finally {
        watch();
      }
    },
    done: (name, detail, milliseconds) => print(line(paint(32, '✓'), name, detail, milliseconds)),
    table: (rows) => {
      const width = Math.max(...rows.map(([label]) => label.length)) + 2;
      for (const [label, value] of rows) print(`  ${paint(2, label.padEnd(width))}${value}`);
    },
    settle: () => {
      settled = true;
      erase();
      running.clear();
      watch();
    },
  };
}
