import { nodeHash } from './hashes';

const isOdd = (n: number): boolean => n % 2 === 1;
const half = (n: number): number => Math.floor(n / 2);

/** The root that an inclusion proof leads to (RFC 9162, section 2.1.3.2); undefined for one of the wrong length. */
export function rootOfInclusion(
  leaf: Uint8Array,
  index: number,
  size: number,
  proof: readonly Uint8Array[],
): Buffer | undefined {
  if (!Number.isSafeInteger(index) || index < 0 || index >= size) return undefined;
  let at = index;
  let last = size - 1;
  let hash: Buffer = Buffer.from(leaf);
  for (const sibling of proof) {
    if (last === 0) return undefined;
    if (isOdd(at) || at === last) {
      hash = nodeHash(sibling, hash);
      while (!isOdd(at) && at !== 0) {
        at = half(at);
        last = half(last);
      }
    } else {
      hash = nodeHash(hash, sibling);
    }
    at = half(at);
    last = half(last);
  }
  return last === 0 ? hash : undefined;
}

/** Whether a proof shows that one tree is the beginning of another (RFC 9162, section 2.1.4.2). */
export function isConsistent(
  from: { readonly size: number; readonly root: Buffer },
  to: { readonly size: number; readonly root: Buffer },
  proof: readonly Uint8Array[],
): boolean {
  if (from.size < 1 || from.size > to.size) return false;
  if (from.size === to.size) return proof.length === 0 && from.root.equals(to.root);
  const path = Number.isInteger(Math.log2(from.size)) ? [from.root, ...proof] : [...proof];
  const [first, ...rest] = path;
  if (!first) return false;
  let at = from.size - 1;
  let last = to.size - 1;
  while (isOdd(at)) {
    at = half(at);
    last = half(last);
  }
  let before: Buffer = Buffer.from(first);
  let after = before;
  for (const hash of rest) {
    if (last === 0) return false;
    if (isOdd(at) || at === last) {
      before = nodeHash(hash, before);
      after = nodeHash(hash, after);
      while (!isOdd(at) && at !== 0) {
        at = half(at);
        last = half(last);
      }
    } else {
      after = nodeHash(after, hash);
    }
    at = half(at);
    last = half(last);
  }
  return last === 0 && before.equals(from.root) && after.equals(to.root);
}
