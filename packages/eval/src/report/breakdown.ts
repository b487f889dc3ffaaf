import type { AnswerStatistics } from '../metrics/answer-statistics.ts';
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

/** The parts of an evaluation's figures, by group, by form and by base question, under one kind of name. */
export function breakdownOf({ summary }: Pick<NamedRun['result'], 'summary'>): Breakdown {
  return {
    overall: summary.overall,
    groups: summary.perGroup.map(({ group: name, ...statistics }) => ({ name, statistics })),
    forms: summary.perForm.map(({ form: name, ...statistics }) => ({ name, statistics })),
    baseQuestions: summary.perBaseQuestion.map(({ baseQuestion: name, ...statistics }) => ({
      name,
      statistics,
    })),
  };
}
