import { setFlagsFromString } from 'node:v8';

/**
 * Keeps the heaps of this process and of its threads near what lives in them. To be called before threads are started.
 * V8 reads these flags whenever it acts on them, so that they may be set in a running process; NODE_OPTIONS does not
 * take them.
 * @param percent by how much an old heap may grow over what lived at its last collection before it is collected again;
 *   V8 lets it grow up to fourfold otherwise
 */
export function keepHeapsLean(percent: number): void {
  setFlagsFromString(`--heap-growing-percent=${String(percent)}`);
  letTheYoungDie();
}

/**
 * Has everything begin its life in the young heap. Else what one place in the code makes goes into the old heap from
 * birth once enough of it has lived long. So do the entries of nextTick's queue, and a dead one there keeps alive all
 * that it points to: requests, rows, promises. Why: docs/decisions/0098-the-young-die-young.md
 */
export function letTheYoungDie(): void {
  setFlagsFromString('--no-allocation-site-pretenuring');
}
