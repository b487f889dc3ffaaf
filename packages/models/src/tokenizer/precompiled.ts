import type { Place } from './place.ts';

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
const segmenter = new Intl.Segmenter('en', { granularity: 'grapheme' });

/** Graphemes of this many bytes and more are mapped character by character. */
const longGrapheme = 6;

/**
 * Reads the character map of a SentencePiece model: a double-array trie (as Darts has it) from strings of bytes to places
 * in a block of texts that end in a zero.
 *
 * @param charsmap in base64
 */
export function readCharacterMap(charsmap: string, place: Place): (text: string) => string {
  const bytes = Uint8Array.from(Buffer.from(charsmap, 'base64'));
  const view = new DataView(bytes.buffer);
  const trieBytes = bytes.length < 4 ? -1 : view.getUint32(0, true);
  if (trieBytes < 4 || trieBytes % 4 !== 0 || trieBytes + 4 > bytes.length)
    place.refuse('is not the character map of a SentencePiece model');
  const units = Uint32Array.from({ length: trieBytes / 4 }, (_, index) =>
    view.getUint32(4 + 4 * index, true),
  );
  const texts = bytes.subarray(4 + trieBytes);

  /** What the shortest prefix that the trie knows becomes: SentencePiece's models are checked against that. */
  const lookUp = (text: string): string | undefined => {
    let node = offsetOf(units[0]!);
    for (const byte of encoder.encode(text)) {
      if (byte === 0) return undefined;
      node ^= byte;
      const unit = units[node];
      if (unit === undefined || (unit & 0x800000ff) >>> 0 !== byte) return undefined;
      node ^= offsetOf(unit);
      if (((unit >>> 8) & 1) === 1) {
        const start = (units[node] ?? 0x7fffffff) & 0x7fffffff;
        const found = texts.indexOf(0, start);
        const end = found === -1 ? texts.length : found;
        place.work.change(1, end - start, 'the character map');
        return decoder.decode(texts.subarray(start, end));
      }
    }
    return undefined;
  };

  return (text) => {
    let mapped = '';
    for (const { segment } of segmenter.segment(text)) {
      const whole = encoder.encode(segment).length < longGrapheme ? lookUp(segment) : undefined;
      if (whole !== undefined) mapped += whole;
      else for (const character of segment) mapped += lookUp(character) ?? character;
    }
    return mapped;
  };
}

function offsetOf(unit: number): number {
  return (unit >>> 10) << ((unit & 0x200) >>> 6);
}
