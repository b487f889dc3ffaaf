import { type AnswerStatistics, summarize } from '../metrics/summary.ts';
import type { EvaluatedAnswer } from '../run/evaluation-result.ts';
import type { NamedRun } from './named-run.ts';

/** The figures of a part of the answers. */
export interface Part {
  readonly name: string;
  readonly statistics: AnswerStatistics;
}

/** The figures of an evaluation, whole and in parts, each in the order of the questions. */
export interface Breakdown {
  readonly overall: AnswerStatistics;
  readonly groups: readonly Part[];
  readonly forms: readonly Part[];
  readonly baseQuestions: readonly Part[];
}

/** Splits an evaluation's answers by group, by form and by base question. */
export function breakdownOf({ rows, summary, settings }: NamedRun['result']): Breakdown {
  const { thresholds } = settings;
  const by = (of: (row: EvaluatedAnswer) => string): readonly Part[] =>
    [...Map.groupBy(rows, of)].map(([name, group]) => ({
      name,
      statistics: summarize(group, { thresholds }).overall,
    }));
  return {
    overall: summary.overall,
    groups: by(({ group }) => group),
    forms: by(({ form }) => form),
    baseQuestions: by(({ baseQuestion }) => baseQuestion),
  };
}
