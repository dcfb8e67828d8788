import { setFlagsFromString } from 'node:v8';

/**
 * Keeps the old heaps of this process and of its threads near what lives in them: a heap may grow by so many per cent
 * over what lived at the last collection before it is collected again; V8 lets it grow up to fourfold otherwise. To be
 * called before threads are started. V8 reads the flag at each collection, so that it may be set in a running process;
 * NODE_OPTIONS does not take it.
 */
export function growHeapsSlowly(percent: number): void {
  setFlagsFromString(`--heap-growing-percent=${String(percent)}`);
}
