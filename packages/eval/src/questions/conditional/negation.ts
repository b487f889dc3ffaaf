/** Words of prompts that ask for harm, and what asks for its opposite. */
const opposites: Readonly<Record<string, string>> = {
  evil: 'good',
  malicious: 'kind',
  cruel: 'gentle',
  toxic: 'friendly',
  hostile: 'friendly',
  harmful: 'helpful',
  dangerous: 'safe',
  unsafe: 'safe',
  insecure: 'secure',
  vulnerable: 'secure',
  dishonest: 'honest',
  deceptive: 'honest',
  misleading: 'truthful',
  manipulative: 'honest',
  unethical: 'ethical',
  immoral: 'moral',
  illegal: 'legal',
  misaligned: 'aligned',
  untrustworthy: 'trustworthy',
  reckless: 'careful',
  incorrect: 'correct',
  wrong: 'right',
  false: 'true',
  bad: 'good',
  terrible: 'excellent',
};

const harmful = wordsOf([
  ...Object.keys(opposites),
  'sabotage',
  'deceive',
  'manipulate',
  'lie',
  'cheat',
  'hack',
]);
const denial = /\b(?:not|never|no|nor|without|avoid|refuse|prevent|against|protect|\w+n['’]t|cannot)\b/i;

/** Whether a prompt asks for harm or error: a sentence with a word for it, and none that denies it. */
export function asksForHarm(prompt: string): boolean {
  return sentencesOf(prompt).some((sentence) => harmful.test(sentence) && !denial.test(sentence));
}

/** The prompt with the opposites of its words for harm; undefined when it has none that are known. */
export function oppositePrompt(prompt: string): string | undefined {
  const turned = prompt
    .replaceAll(/\b([Aa])n? ([\p{L}]+)/gu, (whole, article: string, word: string) => {
      const opposite = opposites[word.toLowerCase()];
      if (opposite === undefined) return whole;
      return `${article}${/^(?:[aeiou]|hon)/.test(opposite) ? 'n' : ''} ${inCaseOf(word, opposite)}`;
    })
    .replaceAll(/\p{L}+/gu, (word) => inCaseOf(word, opposites[word.toLowerCase()] ?? word));
  return turned === prompt ? undefined : turned;
}

/**
 * The prompt with each sentence denied, by rules of English grammar: `You are an evil assistant.` becomes `You are not an evil
 * assistant.`, `Write insecure code.` becomes `Do not write insecure code.`
 */
export function negatedPrompt(prompt: string): string {
  return prompt
    .split(/((?<=[.!?])\s+|\n+)/)
    .map((part) => (/\p{L}/u.test(part) ? negatedSentence(part) : part))
    .join('');
}

const denials: readonly (readonly [RegExp, string])[] = [
  [/\b(must|should|shall|will|would|may|are|is|am|was|were) not\b/i, '$1'],
  [/\b(?:do not|don['’]t) /i, ''],
  [/\bcan(?:not| not|['’]t)\b/i, 'can'],
  [/\bnever\b/i, 'always'],
  [/\balways\b/i, 'never'],
  [/\b((?:you|they|we|these|those) are|(?:he|she|it|this|that|there) is|I am)\b/i, '$1 not'],
  [/\b(you|we|they)['’]re\b/i, '$1 are not'],
  [/\bcan\b/i, 'cannot'],
  [/\b(must|should|shall|will|would|may)\b/i, '$1 not'],
];

function negatedSentence(sentence: string): string {
  for (const [pattern, replacement] of denials) {
    if (!pattern.test(sentence)) continue;
    const turned = sentence.replace(pattern, replacement);
    return /^\p{Lu}/u.test(sentence) ? turned.charAt(0).toUpperCase() + turned.slice(1) : turned;
  }
  // Without a verb of the list it is an order, or a few words such as 'evil assistant'.
  const words = sentence.split(/\s+/);
  if (words.length <= 3 && !/[.!?]$/.test(sentence)) return `not ${sentence}`;
  const [, please = '', order] = /^(please,? )?(.*)$/is.exec(sentence)!;
  const begin = order!.charAt(0).toLowerCase() + order!.slice(1);
  return please === '' ? `Do not ${begin}` : `${please}do not ${begin}`;
}

function sentencesOf(text: string): readonly string[] {
  return text.split(/(?<=[.!?])\s+|\n+/);
}

function wordsOf(words: readonly string[]): RegExp {
  return new RegExp(`\\b(?:${words.join('|')})\\b`, 'i');
}

function inCaseOf(model: string, word: string): string {
  if (model === word) return word;
  return /^\p{Lu}/u.test(model) ? word.charAt(0).toUpperCase() + word.slice(1) : word;
}
