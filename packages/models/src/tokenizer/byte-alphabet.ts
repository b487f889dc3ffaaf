/**
 * GPT-2's alphabet: a printable character for each of the 256 bytes, so that byte-level models work on text.
 * Printable Latin-1 stands for itself; the others follow from U+0100.
 */
function buildAlphabet(): string[] {
  const printable = (byte: number) =>
    (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
  let next = 0x100;
  return Array.from({ length: 256 }, (_, byte) => String.fromCharCode(printable(byte) ? byte : next++));
}

const alphabet = buildAlphabet();
const byteOf = new Map(alphabet.map((character, byte) => [character, byte]));
const encoder = new TextEncoder();

/** A text as characters of the alphabet, one for each byte of its UTF-8. */
export function toByteAlphabet(text: string): string {
  let spelled = '';
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index);
    // Beyond ASCII a character is several bytes.
    if (unit >= 0x80) return spelled + spelledBytes(text.slice(index));
    spelled += alphabet[unit];
  }
  return spelled;
}

function spelledBytes(text: string): string {
  let spelled = '';
  for (const byte of encoder.encode(text)) spelled += alphabet[byte];
  return spelled;
}

/** The bytes that a token of the alphabet stands for; its UTF-8 when it has other characters too. */
export function fromByteAlphabet(token: string): Uint8Array {
  const bytes = new Uint8Array(token.length);
  for (let index = 0; index < token.length; index++) {
    const byte = byteOf.get(token[index]!);
    if (byte === undefined) return encoder.encode(token);
    bytes[index] = byte;
  }
  return bytes;
}
