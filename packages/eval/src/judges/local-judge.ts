import type { Judge } from './judge.ts';
import { languageModelJudge } from './language-model-judge.ts';
import { localModel } from './model/local-model.ts';
import type { TokenScorer } from './model/token-scorer.ts';
import { triedOut } from './preflight/tried-out.ts';
import { minimumNumericMass } from './reading/expected-score.ts';

/** What {@link localJudge} takes beside the model. */
export interface LocalJudgeOptions {
  /** See `expectedScore`; default 0.25. */
  readonly minimumNumericMass?: number;
  /** Whether `prepare` tries the judge out; default true. */
  readonly preflight?: boolean;
}

/**
 * A language model in this process as the judge: each judge prompt of the question is asked on its own, and the score is the
 * expected value of the whole numbers 0 .. 100 that it may say, over the tree of their digits (`numberTree`): exact to a
 * tenth of a point, whichever way its tokenizer spells numbers, but for numbers of two digits that it would go on after
 * (853), which are taken to end there.
 *
 * `evaluate` calls `prepare` before an answer is drawn: a model that does not tell known good answers from known bad ones is
 * refused.
 *
 * @throws {JudgePreflightError} from `prepare`.
 * @throws {InvalidOptionError} from `check`, for a question without judge prompts.
 */
export function localJudge(scorer: TokenScorer, options: LocalJudgeOptions = {}): Judge {
  const { minimumNumericMass: leastMass = minimumNumericMass, preflight = true } = options;
  const model = localModel(scorer, leastMass);
  const judge = languageModelJudge(model);
  if (!preflight) return judge;
  return {
    ...judge,
    async prepare({ questions, signal }) {
      return languageModelJudge(await triedOut(model, { questions, facts: {}, ...(signal && { signal }) }));
    },
  };
}
