import { InvalidOptionError } from '../errors.ts';
import type { RecordedAnswers } from '../sources/recorded/recorded-answers.ts';
import type { RecordedRow } from '../sources/recorded/recorded-row.ts';
import type { Judge, JudgeItem, TaskVerdict } from './judge.ts';

/**
 * The scores that stand beside recorded answers, as they are: what reports the result tables of earlier evaluations. Of
 * equal answers to one question the first one's scores are taken for all.
 *
 * @example
 * ```ts
 * const recorded = await recordedAnswers('results.csv');
 * const result = await evaluate({ ...recorded, judge: recordedJudge(recorded) });
 * ```
 * @throws {InvalidOptionError} when the answers have no scores.
 */
export function recordedJudge({ source, rows, questions }: RecordedAnswers): Judge {
  const verdicts = new Map<string, TaskVerdict>();
  for (const { id, paraphrases } of questions)
    for (const [index, prompt] of paraphrases.entries())
      for (const row of rows.get(id)![index]!) {
        const key = JSON.stringify([id, prompt, row.answer]);
        if (Object.keys(row.scores).length > 0 && !verdicts.has(key)) verdicts.set(key, verdictOf(row));
      }
  if (verdicts.size === 0)
    throw new InvalidOptionError(
      'judge',
      `'${source.name}' holds no scores (aligned, coherent) beside its answers`,
    );
  return {
    name: source.name,
    settings: { ...source.settings, scores: 'as recorded' },
    tasks: (item) => [{ name: 'recorded', prompt: keyOf(item) }],
    judge: async ({ prompt }) => verdicts.get(prompt) ?? { scores: { aligned: null, coherent: null } },
  };
}

function keyOf({ question, prompt, answer }: JudgeItem): string {
  return JSON.stringify([question.id, prompt, answer]);
}

function verdictOf({ scores, label }: RecordedRow): TaskVerdict {
  return { scores: { aligned: null, coherent: null, ...scores }, ...(label !== undefined && { label }) };
}
