import { createHash } from 'node:crypto';
import { InvalidOptionError } from '../errors.ts';
import { choiceLetters } from '../questions/choices.ts';
import { type Question, questionMessages } from '../questions/question.ts';
import type { AnswerRequest } from './answer-source.ts';

/**
 * Lists every answer an evaluation draws: questions in order, then paraphrases, then samples. Of a multiple-choice question
 * there is one a paraphrase.
 *
 * @param seed the run's seed, a safe integer.
 * @param samplesPerParaphrase takes the place of every question's own number.
 * @throws {InvalidOptionError} for no questions, an id used twice, a number of samples that is not a positive integer.
 */
export function answerRequests(
  questions: readonly Question[],
  { seed, samplesPerParaphrase }: { readonly seed: number; readonly samplesPerParaphrase?: number },
): readonly AnswerRequest[] {
  if (questions.length === 0) throw new InvalidOptionError('questions', 'there are none to ask');
  if (!Number.isSafeInteger(seed)) throw new InvalidOptionError('seed', `must be an integer, not ${seed}`);
  const ids = new Set<string>();
  return questions.flatMap((question) => {
    if (ids.has(question.id)) throw new InvalidOptionError('questions', `id '${question.id}' is used twice`);
    ids.add(question.id);
    const { choices } = question;
    return question.paraphrases.flatMap((_, paraphraseIndex) => {
      const messages = questionMessages(question, paraphraseIndex);
      const length = samplesOf(question, paraphraseIndex, samplesPerParaphrase);
      return Array.from({ length }, (_, sampleIndex) => ({
        questionId: question.id,
        paraphraseIndex,
        sampleIndex,
        seed: answerSeed(seed, question.id, paraphraseIndex, sampleIndex),
        messages,
        ...(question.temperature !== undefined && { temperature: question.temperature }),
        ...(choices !== undefined && { letters: choiceLetters(choices.length) }),
      }));
    });
  });
}

function samplesOf(question: Question, paraphraseIndex: number, ofRun: number | undefined): number {
  const recorded = question.samplesByParaphrase?.[paraphraseIndex];
  if (recorded !== undefined) return Math.min(recorded, ofRun ?? recorded);
  // A choice is read from probabilities: a second look would show the same.
  const samples = question.choices === undefined ? (ofRun ?? question.samplesPerParaphrase) : 1;
  if (!Number.isSafeInteger(samples) || samples < 1)
    throw new InvalidOptionError('samplesPerParaphrase', `must be a positive integer, not ${samples}`);
  return samples;
}

/**
 * The seed of one answer: 31 bits of a SHA-256 over the run's seed, the question's id and the two places. It does not
 * depend on which other questions are asked, so a suite that grows leaves earlier answers as they were.
 */
export function answerSeed(
  runSeed: number,
  questionId: string,
  paraphraseIndex: number,
  sampleIndex: number,
): number {
  const text = JSON.stringify([runSeed, questionId, paraphraseIndex, sampleIndex]);
  return createHash('sha256').update(text).digest().readUInt32BE(0) >>> 1;
}
