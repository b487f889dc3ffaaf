import { randomBytes } from 'node:crypto';

const letters = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

/** `prefix` and 24 random letters and digits, which nobody can guess: 142 bits. */
export function newId(prefix: string): string {
  return prefix + randomText(24);
}

/** So many random letters and digits, each as likely as any other. */
export function randomText(length: number): string {
  let text = '';
  while (text.length < length) {
    for (const byte of randomBytes(length)) {
      // 248 is the greatest multiple of 62 that a byte holds; the rest would make the first letters likelier.
      if (byte < 248 && text.length < length) text += letters[byte % 62];
    }
  }
  return text;
}
