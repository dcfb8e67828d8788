import { randomBytes } from 'node:crypto';

/** A name that no log has. */
export const newOrigin = (): string => `usher/audit/${randomBytes(16).toString('hex')}`;
