/**
 * A server that cannot be set up or started for a reason that a person can remove: `message` says
 * what, `advice` what to do.
 */
export class SetupError extends Error {
  readonly advice: string;

  constructor(message: string, advice: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'SetupError';
    this.advice = advice;
  }
}

/** The error code of a failed system call (`ENOENT`), or undefined. */
export function systemCode(error: unknown): string | undefined {
  const code = (error as NodeJS.ErrnoException | null | undefined)?.code;
  return typeof code === 'string' ? code : undefined;
}

const remedies: Readonly<Record<string, string>> = {
  EACCES: 'Run the command as the user that owns the clone and its .usher folder.',
  EPERM: 'Run the command as the user that owns the clone and its .usher folder.',
  EROFS: 'The file system is read-only: use a clone on a writable one.',
  ENOSPC: 'The disk is full: free some space and run the command again.',
};

/**
 * A SetupError for a failed system call of a kind that a person can remove; other errors as they
 * are.
 */
export function explained(error: unknown): unknown {
  const code = systemCode(error);
  const advice = remedies[code ?? ''];
  if (error instanceof SetupError || !(error instanceof Error) || advice === undefined)
    return error;
  return new SetupError(error.message, advice, error);
}
