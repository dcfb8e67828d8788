// What can be shown before anything is installed: one line per long set-up step.
const interactive = process.stderr.isTTY === true;
const colours = interactive && !process.env.NO_COLOR && process.env.TERM !== 'dumb';
const paint = (code, text) => (colours ? `\u001b[${code}m${text}\u001b[0m` : text);
const seconds = (since) => `${((performance.now() - since) / 1000).toFixed(1)} s`;

/**
 * A set-up step that failed in a way a person can do something about: `message` says what, `advice`
 * what to do.
 */
export class SetUpError extends Error {
  constructor(message, advice) {
    super(message);
    this.advice = advice;
  }
}

const owner = 'Run the command as the user that owns the clone.';
const remedies = {
  EACCES: owner,
  EPERM: owner,
  EROFS: 'The file system is read-only: use a clone on a writable one.',
  ENOSPC: 'The disk is full: free some space and run the command again.',
};

/** Prints a failure to stderr, without a stack where it explains itself. */
export function reportFailure(error) {
  const advice = error?.advice ?? remedies[error?.code];
  console.error(`\n${paint('31', '✗')} ${advice ? error.message : (error?.stack ?? error)}`);
  if (advice) console.error(`  ${advice}`);
}

/**
 * A line with the time it has taken so far; without a terminal one line at the start, one every 15
 * s, one at the end.
 */
export function startProgress(label, detail) {
  const started = performance.now();
  const line = (sign) => `  ${sign} ${label.padEnd(16)} ${detail}  ${paint('2', seconds(started))}`;
  const rewrite = (text) => process.stderr.write(`\r\u001b[2K${text}`);
  if (!interactive) console.error(`  · ${label.padEnd(16)} ${detail} …`);
  const timer = setInterval(
    () => (interactive ? rewrite(line(paint('36', '·'))) : console.error(line('·'))),
    interactive ? 200 : 15_000,
  );
  const end = (sign) => {
    clearInterval(timer);
    if (interactive) rewrite(`${line(sign)}\n`);
    else console.error(line(sign));
  };
  return { done: () => end(paint('32', '✓')), fail: () => end(paint('31', '✗')) };
}
