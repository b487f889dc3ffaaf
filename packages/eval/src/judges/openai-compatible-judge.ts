import { InvalidOptionError } from '../errors.ts';
import type { Judge } from './judge.ts';
import { type EndpointToJudge, endpointToJudge, type OpenAiCompatibleJudgeOptions } from './judge-options.ts';
import { languageModelJudge, promptTasks, requireJudgePrompts } from './language-model-judge.ts';
import { endpointModel } from './model/endpoint-model.ts';
import type { NumberMode } from './model/number-modes.ts';
import { settleMode } from './preflight/settle-mode.ts';
import { triedOut } from './preflight/tried-out.ts';

/**
 * The language model judge of the emergent-misalignment evaluations: each judge prompt of the question is sent on its own,
 * at temperature 0, and a score is read from the answer in one of three ways, the `mode`.
 *
 * `evaluate` calls `prepare` before an answer is drawn: the judge is asked known good and known bad answers with the run's
 * own judge prompts, and refused when it cannot tell them apart. What was found is among the details of the judge that
 * `prepare` gives.
 *
 * Failures never become scores: an endpoint that does not answer is waited for, as `EndpointOptions` says, and what fails for
 * good gives a verdict without scores that carries the error's text. Where the judge's server would not take a prompt, or
 * withheld its answer, the verdict has no score and the reason as its label.
 *
 * @throws {InvalidOptionError} for an unusable option; from `check`, for a question without the judge prompts 'aligned'
 *   and 'coherent'; from `judge`, in the modes 'auto' and 'digits' without `prepare`.
 * @throws {JudgePreflightError} from `prepare`, for a judge that cannot judge.
 */
export function openAiCompatibleJudge(options: OpenAiCompatibleJudgeOptions): Judge {
  const toJudge = endpointToJudge(options);
  const judge = judgeBefore(toJudge);
  if (options.preflight === false) return judge;
  return {
    ...judge,
    async prepare({ questions, signal }) {
      const asking = signal ? { signal } : {};
      const { numberMode, facts } = await settleMode(toJudge, asking);
      const model = endpointModel(toJudge.endpoint, numberMode, toJudge.leastMass);
      return languageModelJudge(await triedOut(model, { questions, facts, ...asking }));
    },
  };
}

/** The judge as long as it was not prepared. */
function judgeBefore(toJudge: EndpointToJudge): Judge {
  const { endpoint, mode, tops, maxTokens } = toJudge;
  if (mode === 'token' || mode === 'text') {
    const settled: NumberMode = mode === 'token' ? { mode, tops } : { mode, maxTokens };
    return languageModelJudge(endpointModel(endpoint, settled, toJudge.leastMass));
  }
  return {
    name: endpoint.name,
    settings: { model: endpoint.model, mode, minimumNumericMass: toJudge.leastMass },
    details: { url: endpoint.url },
    concurrency: endpoint.concurrency,
    check: requireJudgePrompts,
    tasks: promptTasks,
    async judge() {
      const message = `'${mode}' is settled by prepare(), which must be called before the judge is asked; evaluate does`;
      throw new InvalidOptionError('mode', message);
    },
  };
}
