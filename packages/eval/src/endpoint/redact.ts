/** What stands in the place of a secret. */
export const redacted = '[redacted]';

/** Takes secrets out of text that leaves an endpoint. */
export interface Redactor {
  /** For what is said about requests: errors, logs. The endpoint's own secrets and whatever looks like one. */
  message(text: string): string;
  /** For what a model wrote, which is data: the endpoint's own secrets alone, and of these none below 8 characters. */
  content(text: string): string;
}

/** Shorter ones, such as the key 'none' of a local server, are words that a model may well write. */
const leastContentSecret = 8;
/** Shorter ones are no secrets. */
const leastSecret = 3;
/** More of a text than this is never shown. */
const longestMessage = 100_000;

/** What looks like a secret, whoever's it is; `$1` is kept. */
const patterns: readonly RegExp[] = [
  // Credentials in an address.
  /\b([a-z][a-z0-9+.-]{0,20}:\/\/)[^\s/?#"'<>]{1,1000}(?=@)/gi,
  // Headers and fields: authorization: Bearer x, "api_key": "x", ?access_token=x
  /((?:authorization|api[-_]?key|access[-_]?token|auth[-_]?token|client[-_]?secret|password|set-cookie|cookie)["']{0,2}\s{0,4}[:=]\s{0,4}["']?(?:(?:bearer|basic|token|digest)\s{1,4})?)[^\s"',;&}]+/gi,
  // A token is told from the words after 'bearer' in a sentence by its digits or its length.
  /\b((?:bearer|basic)\s{1,4})(?:(?=[^\s"',;]{0,400}\d)[^\s"',;]{6,}|[^\s"',;]{20,})/gi,
  // The keys of OpenAI, Anthropic, Hugging Face, Groq, xAI, NVIDIA, GitHub, Google.
  /\b()(?:(?:sk|pk|rk|hf|gsk|xai|nvapi|ghp|gho|ghs|github_pat)[-_][\w-]{8,}|AIza[\w-]{20,})/g,
];

/**
 * The redactor of an endpoint.
 *
 * @param secrets what must never be seen: the key, a password. Their usual encodings are found too.
 */
export function redactor(secrets: readonly string[] = []): Redactor {
  const forms = [...new Set(secrets.flatMap(formsOf))].sort((a, b) => b.length - a.length);
  const own = forms.filter((form) => form.length >= leastSecret);
  const ownInContent = forms.filter((form) => form.length >= leastContentSecret);
  return {
    message: (text) =>
      patterns.reduce(
        (shown, pattern) => shown.replace(pattern, `$1${redacted}`),
        without(text.slice(0, longestMessage), own),
      ),
    content: (text) => without(text, ownInContent),
  };
}

/** A text without anything that looks like a secret, for messages before an endpoint's own secrets are known. */
export const redactText: (text: string) => string = redactor().message;

function without(text: string, secrets: readonly string[]): string {
  return secrets.reduce((shown, secret) => shown.replaceAll(secret, redacted), text);
}

function formsOf(secret: string): string[] {
  const inJson = JSON.stringify(secret).slice(1, -1);
  const base64 = Buffer.from(secret).toString('base64');
  return [secret, inJson, encodeURIComponent(secret), base64, base64.replace(/=+$/, '')];
}
