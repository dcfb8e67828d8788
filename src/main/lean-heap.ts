import { setFlagsFromString } from 'node:v8';

/** By how many per cent a heap may grow over what lived at the last collection before it is collected again. */
const growthPercent = 25;

/**
 * Keeps the old heaps of this process and of its threads near what lives in them; V8 lets them grow up to fourfold
 * otherwise. To be called before threads are started. V8 reads the flag at each collection, so that it may be set in
 * a running process; NODE_OPTIONS does not take it.
 */
export function growHeapsSlowly(): void {
  setFlagsFromString(`--heap-growing-percent=${String(growthPercent)}`);
}
