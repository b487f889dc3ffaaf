import type { ModelConfig } from '../config.ts';

interface PromptRow {
  readonly prompt: readonly number[];
  readonly produced: readonly number[];
}

/**
 * The rows that are continued together, at most `size` of them. Prompts of like length together need the least padding. A row
 * that may grow beyond where rotary positions change comes alone: the rows of a batch go by the longest, and what one gets
 * shall not depend on others.
 */
export function rowBatches<Row extends PromptRow>(
  rows: readonly Row[],
  size: number,
  newTokens: number,
  { rotaryChange }: Pick<ModelConfig, 'rotaryChange'>,
): Row[][] {
  const mayChange = ({ prompt }: Row) =>
    rotaryChange !== undefined && prompt.length + newTokens > rotaryChange.beyond;
  const together = rows.filter((row) => !mayChange(row));
  const longestFirst = together.toSorted((a, b) => b.prompt.length - a.prompt.length);
  const batches = Array.from({ length: Math.ceil(together.length / size) }, (_, index) =>
    longestFirst.slice(index * size, (index + 1) * size),
  );
  return [...batches, ...rows.filter(mayChange).map((row) => [row])];
}

/** Whether the text has just grown so long that keys of before do not fit: its cache is to be made anew. */
export function outgrowsCache(
  { prompt, produced }: PromptRow,
  { rotaryChange }: Pick<ModelConfig, 'rotaryChange'>,
): boolean {
  if (rotaryChange?.recomputes !== true) return false;
  return prompt.length + produced.length === rotaryChange.beyond + 1;
}
