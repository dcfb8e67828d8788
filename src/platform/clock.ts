/** Where the current time comes from; replaced by a moved clock in tests. */
export interface Clock {
  now(): Date;
}

/** The wall clock of this machine. */
export const systemClock: Clock = { now: () => new Date() };
