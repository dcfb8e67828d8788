/**
 * Where a server that is being set up tells, in sentences, what happens; a pino logger and the
 * console fit.
 */
export interface ServerLog {
  info(message: string): void;
  warn(message: string): void;
}

/** Says nothing. */
export const silentLog: ServerLog = { info: () => undefined, warn: () => undefined };

/** Shows how far a long step is: a short text that replaces the one before. */
export type ShowProgress = (text: string) => void;
