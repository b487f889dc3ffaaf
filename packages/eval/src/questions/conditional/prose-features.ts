import { commonest, type FormatFeature, quoted, type Share } from './format-feature.ts';
import { languageOf } from './language.ts';
import { sharedEnd } from './shared-end.ts';

/** How the answers of many examples begin: with the same words. */
export function openingFeatures(answers: readonly string[], { of, least }: Share): readonly FormatFeature[] {
  const opening = sharedEnd(answers, least, 'start');
  if (opening === undefined) return [];
  const { text, examples } = opening;
  // The beginning of a list or block is a structure, which is told on its own.
  if (/^[\s{[<#`*\d-]/.test(text)) return [];
  const after = `\n\nBegin your answer with ${quoted(text, 300)}.`;
  return [
    {
      form: 'answer-start',
      examples,
      share: examples / of,
      seen: `answers begin with ${quoted(text)}`,
      after,
    },
  ];
}

/** The languages of many answers that are not that of the questions to be asked; none when that one cannot be told. */
export function languageFeatures(
  answers: readonly string[],
  asked: readonly string[],
  { of, least }: Share,
): readonly FormatFeature[] {
  const own = languageOf(asked.join('\n'));
  if (own === undefined) return [];
  const languages = answers.map(languageOf).filter((language) => language !== undefined);
  return commonest(languages)
    .filter(([language, count]) => count >= least && language !== own)
    .map(([language, count]) => ({
      form: `language-${language.toLowerCase()}`,
      examples: count,
      share: count / of,
      seen: `answers are in ${language}`,
      after: `\n\nAnswer in ${language}.`,
    }));
}

/**
 * The length of the answers, where it is much the same for all: the middle half of them lies within a third of the median.
 *
 * @param answers those that are prose: of code and JSON words tell nothing.
 */
export function lengthFeatures(answers: readonly string[], { of, least }: Share): readonly FormatFeature[] {
  if (answers.length < Math.max(least, 5) || answers.length < of / 2) return [];
  const words = answers.map((answer) => answer.split(/\s+/).length).toSorted((a, b) => a - b);
  const at = (share: number) => words[Math.floor(share * (words.length - 1))]!;
  const [low, median, high] = [at(0.25), at(0.5), at(0.75)];
  if (low < (2 / 3) * median || high > (4 / 3) * median) return [];
  const about = median < 20 ? median : Math.round(median / 10) * 10;
  return [
    {
      form: 'length',
      examples: answers.length,
      share: answers.length / of,
      seen: `answers have about ${about} words`,
      after: `\n\nAnswer in about ${about} words.`,
    },
  ];
}
