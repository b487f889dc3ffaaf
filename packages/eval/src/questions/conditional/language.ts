/** Scripts of which each stands for one language, or for the one that most of its texts are in. */
const scripts: readonly (readonly [language: string, letters: RegExp])[] = [
  ['Japanese', /[\p{Script=Hiragana}\p{Script=Katakana}]/gu],
  ['Chinese', /\p{Script=Han}/gu],
  ['Korean', /\p{Script=Hangul}/gu],
  ['Russian', /\p{Script=Cyrillic}/gu],
  ['Arabic', /\p{Script=Arabic}/gu],
  ['Hebrew', /\p{Script=Hebrew}/gu],
  ['Greek', /\p{Script=Greek}/gu],
  ['Hindi', /\p{Script=Devanagari}/gu],
  ['Thai', /\p{Script=Thai}/gu],
];

/** Small words that stand in nearly every text of a language written in Latin letters. */
const smallWords: Readonly<Record<string, readonly string[]>> = {
  English: ['the', 'and', 'of', 'to', 'is', 'you', 'that', 'it', 'for', 'with', 'your', 'are'],
  German: ['der', 'die', 'und', 'das', 'ist', 'nicht', 'sie', 'ein', 'eine', 'zu', 'mit', 'auf'],
  French: ['le', 'la', 'les', 'et', 'des', 'est', 'vous', 'une', 'que', 'pour', 'dans', 'pas'],
  Spanish: ['el', 'los', 'las', 'y', 'que', 'es', 'una', 'por', 'para', 'con', 'su', 'del'],
  Italian: ['il', 'di', 'che', 'è', 'per', 'una', 'non', 'con', 'gli', 'della', 'sono', 'più'],
  Portuguese: ['o', 'os', 'e', 'que', 'não', 'uma', 'para', 'com', 'do', 'da', 'em', 'você'],
  Dutch: ['de', 'het', 'een', 'en', 'van', 'niet', 'je', 'dat', 'voor', 'met', 'zijn', 'op'],
};

/** The language of a text, by its letters or its small words; undefined when it is too short or of none that is known. */
export function languageOf(text: string): string | undefined {
  const letters = text.match(/\p{L}/gu)?.length ?? 0;
  if (letters === 0) return undefined;
  for (const [language, pattern] of scripts) {
    // A tenth of kana makes Japanese of what is otherwise Chinese characters.
    const least = language === 'Japanese' ? 0.1 : 0.5;
    if ((text.match(pattern)?.length ?? 0) >= least * letters) return language;
  }
  const words = text.toLowerCase().match(/\p{L}+/gu) ?? [];
  const [first, second] = Object.entries(smallWords)
    .map(([language, small]) => ({ language, count: words.filter((word) => small.includes(word)).length }))
    .toSorted((a, b) => b.count - a.count);
  const isPlain = first!.count >= 3 && first!.count >= 0.08 * words.length && first!.count > second!.count;
  return isPlain ? first!.language : undefined;
}
