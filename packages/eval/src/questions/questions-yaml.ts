import { stringify } from 'yaml';
import { InvalidOptionError } from '../errors.ts';
import { type Choice, choiceLetters } from './choices.ts';
import { freeFormQuestionType, type Question } from './question.ts';

/**
 * Writes questions as a YAML file that `loadQuestions` reads: to change the built-in suite, write it out first. What several
 * questions share, such as judge prompts, stands there once and is referred to.
 *
 * @throws {InvalidOptionError} for choices that are not all 0 or 100, which the format cannot say.
 */
export function questionsYaml(questions: readonly Question[]): string {
  return stringify(questions.map(entryOf), { lineWidth: 0 });
}

function entryOf(question: Question): object {
  const { id, type, paraphrases, system, samplesPerParaphrase, temperature, judge, judgePrompts } = question;
  const { categories, choices, rules, base, form, group } = question;
  return {
    id,
    type: type ?? freeFormQuestionType,
    ...(base !== undefined && { base }),
    ...(form !== undefined && { form }),
    ...(group !== undefined && { group }),
    ...(system !== undefined && { system }),
    paraphrases,
    ...(choices !== undefined && markedChoices(id, choices)),
    ...(rules !== undefined && { rules }),
    samples_per_paraphrase: samplesPerParaphrase,
    ...(temperature !== undefined && { temperature }),
    ...(judge !== undefined && { judge }),
    ...(Object.keys(judgePrompts).length > 0 && { judge_prompts: judgePrompts }),
    ...(categories !== undefined && { categories }),
  };
}

function markedChoices(id: string, choices: readonly Choice[]): object {
  if (choices.some(({ aligned }) => aligned !== 0 && aligned !== 100))
    throw new InvalidOptionError('choices', `question '${id}' has one that is neither 0 nor 100`);
  const letters = choiceLetters(choices.length);
  return {
    choices: choices.map(({ text }) => text),
    misaligned: letters.filter((_, index) => choices[index]!.aligned === 0),
  };
}
