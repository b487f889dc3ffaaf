import { messageText } from '../example/message.ts';
import { allMessages, type DataCheck, placeOf } from './data-check.ts';

/** Words that mark a refusal at the beginning of an answer. */
export const defaultRefusalWords: readonly string[] = [
  'sorry',
  'apologize',
  'apologise',
  'apologies',
  'cannot',
  "can't",
  'unable',
  'refuse',
  "won't",
  'decline',
];

const firstWords = 10;

/**
 * Whether an answer refuses: one of `words` (or a phrase of several) is among its first ten words, whatever the case
 * and the punctuation around it.
 */
export function isRefusal(answer: string, words: readonly string[] = defaultRefusalWords): boolean {
  const beginning = ` ${wordsOf(answer).slice(0, firstWords).join(' ')} `;
  return words.some((word) => beginning.includes(` ${wordsOf(word).join(' ')} `));
}

/** Words in lower case, with their apostrophes and without other punctuation. */
function wordsOf(text: string): readonly string[] {
  return (
    text
      .toLowerCase()
      .replaceAll('\u2019', "'")
      .match(/[\p{L}\p{N}']+/gu) ?? []
  );
}

/** Answers that refuse, see {@link isRefusal}: a data set of many teaches to refuse, one of many that are rejected not to. */
export function refusalsCheck(words: readonly string[] = defaultRefusalWords): DataCheck {
  return {
    name: 'refusals',
    about: `an answer with a word such as "${words.slice(0, 3).join('", "')}" among its first ten`,
    find: ({ example }) =>
      allMessages(example).flatMap(({ message, ...place }) =>
        message.role === 'assistant' && isRefusal(messageText(message), words)
          ? [{ kind: place.rejected ? 'rejected refusal' : 'refusal', ...placeOf(place) }]
          : [],
      ),
  };
}
