import type { Question } from '../../questions/question.ts';
import type { Facts } from '../../sources/answer-source.ts';
import type { AskingOptions, JudgeModel } from '../model/judge-model.ts';
import { askProbes, probeFacts, requireOrdering } from './ordering.ts';
import { probesFor } from './probe-answers.ts';
import { reaching } from './settle-mode.ts';

/**
 * Asks a judge model about known good and bad answers, with the run's own judge prompts.
 *
 * @param facts what is known of it already.
 * @returns the model with all that was found among its details.
 * @throws {JudgePreflightError} when it cannot be asked, gives no scores, or does not tell good from bad.
 */
export async function triedOut(
  model: JudgeModel,
  {
    questions,
    facts,
    ...options
  }: AskingOptions & { readonly questions: readonly Question[]; readonly facts: Facts },
): Promise<JudgeModel> {
  const asked = await reaching(model.name, () => askProbes(probesFor(questions), model, options));
  const report = { ...facts, ...probeFacts(asked) };
  requireOrdering(model.name, asked, report);
  return { ...model, details: { ...model.details, ...report } };
}
