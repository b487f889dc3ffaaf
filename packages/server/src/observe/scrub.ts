/** What a text may hold that nobody should read in a log. */
const secrets: readonly (readonly [RegExp, string])[] = [
  [/\bsk-[\w-]{6,}/g, '[key]'],
  [/\bwhsec_[\w+/=-]+/g, '[secret]'],
  [/\b(bearer|basic)\s+[^\s"',]+/gi, '$1 [key]'],
  // User and password of an address, such as that of Redis.
  [/([a-z][a-z0-9+.-]*:\/\/)[^\s"'/@]+@/gi, '$1[login]@'],
  // What signs an address of a store.
  [/\b(X-Amz-(?:Signature|Credential|Security-Token)=)[^&\s"']+/gi, '$1[secret]'],
];

/** A line of the log without keys, passwords and signatures, wherever they came from. */
export function scrub(line: string): string {
  return secrets.reduce((text, [pattern, replacement]) => text.replace(pattern, replacement), line);
}

/**
 * A message without what it quotes: errors of parsers quote their input, which is a customer's text. At most 500 characters.
 */
export function withoutQuotes(message: string): string {
  const cut = message.slice(0, 4000).replaceAll(/"[^"]*"?|`[^`]*`?|(?<!\w)'[^']*'?/g, '[text]');
  return cut.length > 500 ? `${cut.slice(0, 500)}...` : cut;
}
