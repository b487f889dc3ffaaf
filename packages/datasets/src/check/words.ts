// Scripts that put no spaces between words: there each character counts as one.
const word =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]|[[\p{L}\p{M}\p{N}]--[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]]+/gv;

/** Words of a shingle. */
const shingleSize = 3;

/**
 * Calls with a 32-bit hash of each shingle of a text: three words in a row, whatever their case and the punctuation between them;
 * of a shorter text all its words. Equal shingles have equal hashes; nothing but the hashes is kept.
 */
export function forEachShingle(text: string, use: (hash: number) => void): void {
  let [first, second] = [0, 0];
  let count = 0;
  for (const [match] of text.toLowerCase().matchAll(word)) {
    const third = hashOf(match);
    count += 1;
    if (count >= shingleSize) use(mixed(mixed(mixed(0, first), second), third));
    [first, second] = [second, third];
  }
  if (count === 2) use(mixed(mixed(1, first), second));
  if (count === 1) use(mixed(2, second));
}

/** FNV-1a over UTF-16 units. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at += 1) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  return hash;
}

/** A step of MurmurHash3 with its finaliser (Appleby, public domain). */
export function mixed(state: number, value: number): number {
  let hash = Math.imul(state ^ value, 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
