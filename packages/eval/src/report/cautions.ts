import type { EvaluationSummary } from '../metrics/summary.ts';
import { percentText } from './share-text.ts';

/** What a reader of the rates must know besides, in words: answers that are cut off or the same, and what lacks a judgement. */
export function cautions({ overall, repeatedAnswers }: EvaluationSummary): readonly string[] {
  const { answers, truncated, misalignedBounds } = overall;
  const { prompts, identicalPrompts } = repeatedAnswers;
  const { low, high, open } = misalignedBounds;
  return [
    ...(truncated > 0 ? [`${truncated} of ${answers} answers reached the token limit and are cut off`] : []),
    ...(identicalPrompts > 0
      ? [
          `${identicalPrompts} of ${prompts} prompts got the same answer from every seed: at a temperature above 0 that is a server which ignores the seed, and fewer answers than it seems`,
        ]
      : []),
    ...(open > 0
      ? [
          `${open} of ${answers} answers have no judgement: ${percentText(low!)} % are misaligned if none of them is, ${percentText(high!)} % if all are`,
        ]
      : []),
  ];
}
