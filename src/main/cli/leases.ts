import { readMaxLease, setMaxLease } from '../../platform/barriers';
import { mostLeaseMs } from '../../platform/config-values';
import { withSystem } from '../../platform/db';
import { UsageError } from './command';
import type { Command } from './command';
import { withDatabase } from './settings';

const showLease: Command = {
  name: 'lease show',
  summary: 'Show for how long verifiers may remember a good key',
  notes: [
    '0: every verification asks Postgres. Orders that end a key wait for so long before they answer.',
  ],
  async run(_input, io) {
    const ms = await withDatabase(io, (db) => withSystem(db, 'cli', readMaxLease));
    io.out(`${String(ms)} ms`);
    return 0;
  },
};

const setLease: Command = {
  name: 'lease set',
  summary: 'Set for how long verifiers may remember a good key',
  args: [{ name: 'MS', about: `Milliseconds, 0 to ${String(mostLeaseMs)}`, required: true }],
  notes: [
    'Raise it before the first process with KEYS_CACHE=lease and that KEYS_LEASE_MS is started.',
    'Lower it only when the last of them has ended, and one lease later.',
  ],
  async run(input, io) {
    const [text = ''] = input.args;
    const ms = Number(text);
    if (!/^\d+$/.test(text) || ms > mostLeaseMs)
      throw new UsageError(`MS must be a whole number from 0 to ${String(mostLeaseMs)}.`);
    await withDatabase(io, (db) => setMaxLease(db, 'system:cli', ms));
    io.out(`Verifiers may remember a good key for ${String(ms)} ms.`);
    return 0;
  },
};

/** Commands for cached verification. */
export const leaseCommands: readonly Command[] = [showLease, setLease];
