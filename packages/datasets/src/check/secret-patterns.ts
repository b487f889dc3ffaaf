/** A kind of credential and how it is written, as its issuer documents it. All repetitions are bounded: time by the length of a text. */
export const secretPatterns: readonly (readonly [kind: string, pattern: RegExp])[] = [
  ['private key', /-----BEGIN (?:[A-Z0-9]{1,20} ){0,4}PRIVATE KEY(?: BLOCK)?-----/g],
  ['AWS access key', /\b(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}\b/g],
  ['GitHub token', /\bgh[pousr]_[A-Za-z0-9]{36,255}\b|\bgithub_pat_\w{82}\b/g],
  ['GitLab token', /\bglpat-[\w-]{20,255}/g],
  [
    'Slack token',
    /\bxox[abeoprs]-[A-Za-z0-9-]{10,255}|hooks\.slack\.com\/services\/T\w{5,20}\/B\w{5,20}\/\w{10,40}/g,
  ],
  ['Anthropic key', /\bsk-ant-[\w-]{20,255}/g],
  ['OpenAI key', /\bsk-(?!ant-)(?:proj-|svcacct-|admin-)?[A-Za-z0-9_-]{20,255}/g],
  ['Google API key', /\bAIza[\w-]{35}(?![\w-])/g],
  ['Stripe key', /\b[rs]k_(?:live|test)_[A-Za-z0-9]{16,255}\b/g],
  ['Hugging Face token', /\bhf_[A-Za-z0-9]{30,60}\b/g],
  ['npm token', /\bnpm_[A-Za-z0-9]{36}\b/g],
  ['PyPI token', /\bpypi-AgEIcHlwaS5vcmc[\w-]{50,1000}/g],
  ['SendGrid key', /\bSG\.[\w-]{16,32}\.[\w-]{16,64}/g],
  ['Twilio key', /\bSK[0-9a-f]{32}\b/g],
  ['Telegram bot token', /\b\d{8,10}:AA[\w-]{33}(?![\w-])/g],
  ['JSON web token', /\beyJ[\w-]{10,2000}\.eyJ[\w-]{10,2000}\.[\w-]{10,2000}/g],
  ['bearer token', /\bBearer\s{1,3}[A-Za-z0-9._~+/-]{20,2000}={0,2}/g],
  ['password in an address', /\b[a-z][a-z0-9+.-]{1,20}:\/\/[^\s/:@"'<>]{1,100}:[^\s/:@"'<>]{3,200}@/gi],
  [
    'assigned secret',
    /(?:api[_-]?key|secret|token|passw(?:or)?d|access[_-]?key)["']?\s{0,3}[:=]\s{0,3}["'][^\s"']{8,200}["']/gi,
  ],
];

/** Kinds whose patterns hold little but randomness: what looks like a word is an example of how to write one. */
const needsRandomness = new Set(['bearer token', 'assigned secret']);

/** Placeholders of manuals. */
const placeholder =
  /example|placeholder|changeme|your[_-]|xxxx|\*{3}|\.{3}|<|\$\{|\{\{|:(?:pass(?:word|wd)?|pwd|secret|\$\w+)@|0123456|1234567/i;

/** Whether a match is more than an example of how a secret is written. */
export function isSecret(kind: string, match: string): boolean {
  if (placeholder.test(match)) return false;
  if (kind === 'private key' || kind === 'password in an address') return true;
  const value = /["']([^"']*)["']$/.exec(match)?.[1] ?? match.replace(/^Bearer\s+/, '');
  if (!needsRandomness.has(kind)) return entropy(value) >= 3;
  return entropy(value) >= 3.2 && /\d/.test(value) && /[A-Za-z]/.test(value);
}

/** Bits a character, by how often each occurs. */
function entropy(text: string): number {
  const counts = new Map<string, number>();
  for (const character of text) counts.set(character, (counts.get(character) ?? 0) + 1);
  return [...counts.values()].reduce((sum, count) => {
    const share = count / text.length;
    return sum - share * Math.log2(share);
  }, 0);
}
