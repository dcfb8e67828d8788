import { ConfigError } from '../platform/config';
import { errorFields } from '../platform/log';

/** Why a program cannot start, in words that say what to do; for causes that a person can remove. */
export class StartError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'StartError';
  }
}

/** Tells on standard error why a program could not start; where it came from only when that is a riddle. */
export function tellStartFailure(program: string, error: unknown): void {
  if (error instanceof ConfigError || error instanceof StartError) console.error(error.message);
  else {
    const message = error instanceof Error ? error.message : 'unknown';
    console.error(`The ${program} could not start: ${message}`, errorFields(error));
  }
}
