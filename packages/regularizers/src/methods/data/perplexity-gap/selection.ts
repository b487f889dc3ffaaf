import {
  type ChatExample,
  defaultRefusalWords,
  EmptyDatasetError,
  isRefusal,
  messageText,
  rowOfExample,
} from '@safetune/datasets';
import { writeFileAtomically } from '@safetune/tensor';
import { AnswerLossError, RegularizerOptionError } from '../../../errors.ts';
import { checkOptions } from '../../../interface/options.ts';
import {
  type AnswerLoss,
  checkGapSettings,
  checkLoss,
  defaultEpsilon,
  perplexityGap,
} from './perplexity-gap.ts';

/** An example of the pool with its score. */
export interface ScoredExample {
  readonly example: ChatExample;
  /** s_d, see {@link perplexityGap}. */
  readonly score: number;
  readonly alignedLoss: number;
  /** One per misaligned model. */
  readonly misalignedLosses: readonly number[];
}

/** The models that judge a pool. */
export interface GapModels {
  readonly aligned: AnswerLoss;
  /** At least one. */
  readonly misaligned: readonly AnswerLoss[];
}

/** Options of {@link selectByPerplexityGap}. */
export interface SelectionOptions {
  /** How many to take. */
  readonly top: number;
  /** Added to the denominator of the score, above 0. Default 0.01. */
  readonly epsilon?: number;
  /** Leave refusals out before choosing: interleaving++. Default false: interleaving+. */
  readonly dropRefusals?: boolean;
  /** What marks a refusal among an answer's first ten words. Default {@link defaultRefusalWords}. */
  readonly refusalWords?: readonly string[];
}

/** What {@link selectByPerplexityGap} chose. */
export interface Selection {
  /** Highest score first; of equal scores, the one that comes first in the pool. */
  readonly selected: readonly ScoredExample[];
  /** Refusals left out. */
  readonly droppedRefusals: number;
  /** How many fewer than `top` there were to choose from; the process warns when it is not 0. */
  readonly missing: number;
}

/**
 * Chooses from a pool of safe examples those whose answers misaligned models find least likely, compared with the
 * aligned model: Interleaving+, and with `dropRefusals` Interleaving++, the paper's best over all four criteria
 * (Kaczér et al. 2026, arXiv 2508.06249).
 *
 * @throws EmptyDatasetError for a pool that is empty, or is after refusals are dropped; AnswerLossError for losses that
 * are missing, negative or not finite; RegularizerOptionError for options out of range. Whatever a model throws.
 */
export async function selectByPerplexityGap(
  pool: readonly ChatExample[],
  models: GapModels,
  options: SelectionOptions,
): Promise<Selection> {
  checkOptions('perplexity gap', options, ['top', 'epsilon', 'dropRefusals', 'refusalWords']);
  const { top, epsilon = defaultEpsilon, dropRefusals = false, refusalWords = defaultRefusalWords } = options;
  if (!Number.isInteger(top) || top < 1) {
    throw new RegularizerOptionError(
      'perplexity gap',
      `top is ${top}, must be a positive number of examples`,
    );
  }
  const candidates = dropRefusals
    ? pool.filter((example) => !isRefusal(answerOf(example), refusalWords))
    : pool;
  const droppedRefusals = pool.length - candidates.length;
  if (candidates.length === 0) {
    const reason = pool.length === 0 ? 'it is empty' : `all its ${pool.length} answers are refusals`;
    throw new EmptyDatasetError(`there is nothing to select from the pool: ${reason}.`);
  }
  const scored = await scoreExamples(candidates, models, epsilon);
  const selected = [...scored].sort((a, b) => b.score - a.score).slice(0, top);
  const missing = top - selected.length;
  if (missing > 0) {
    process.emitWarning(
      `perplexity gap: ${top} examples were asked for, the pool has ${selected.length}` +
        `${dropRefusals ? ` beside ${droppedRefusals} refusals` : ''}: all of them are taken`,
      { code: 'SAFETUNE_POOL_EXHAUSTED' },
    );
  }
  return { selected, droppedRefusals, missing };
}

/**
 * The scores of all examples, in their order.
 *
 * @throws AnswerLossError, RegularizerOptionError
 */
export async function scoreExamples(
  examples: readonly ChatExample[],
  { aligned, misaligned }: GapModels,
  epsilon = defaultEpsilon,
): Promise<readonly ScoredExample[]> {
  // Scoring may take hours: what can be known to be wrong is said before.
  checkGapSettings(misaligned.length, epsilon);
  const alignedLosses = await lossesOf('aligned', aligned, examples);
  // One after the other: two models at once would share the machine and its memory.
  const misalignedLosses: (readonly number[])[] = [];
  for (const [index, loss] of misaligned.entries()) {
    misalignedLosses.push(await lossesOf(`misaligned ${index}`, loss, examples));
  }
  return examples.map((example, index) => {
    const alignedLoss = alignedLosses[index]!;
    const losses = misalignedLosses.map((ofModel) => ofModel[index]!);
    return {
      example,
      score: perplexityGap(alignedLoss, losses, epsilon),
      alignedLoss,
      misalignedLosses: losses,
    };
  });
}

async function lossesOf(
  model: string,
  loss: AnswerLoss,
  examples: readonly ChatExample[],
): Promise<readonly number[]> {
  const losses = Array.from(await loss(examples));
  if (losses.length !== examples.length) {
    throw new AnswerLossError(
      model,
      `${examples.length} examples were given, ${losses.length} losses came back`,
    );
  }
  return losses.map((value) => checkLoss(model, value));
}

/**
 * Writes a selection as a chat JSONL file that interleaving takes as its pool. Each line also has `score`,
 * `aligned_loss` and `misaligned_losses`, which readers of chat files pass over.
 *
 * @throws FileWriteError
 */
export async function writeSelection(path: string, selected: readonly ScoredExample[]): Promise<void> {
  const lines = selected.map(({ example, score, alignedLoss, misalignedLosses }) => {
    const scores = { score, aligned_loss: alignedLoss, misaligned_losses: misalignedLosses };
    return `${JSON.stringify({ ...rowOfExample(example), ...scores })}\n`;
  });
  await writeFileAtomically(path, lines);
}

/** The last assistant message. */
function answerOf({ messages }: ChatExample): string {
  const answer = messages.findLast(({ role }) => role === 'assistant');
  return answer === undefined ? '' : messageText(answer);
}
