import type { Question } from '../../questions/question.ts';
import type { DrawnAnswer } from '../answer-source.ts';

/** One answer of a file, as far as the file tells. */
export interface RecordedRow extends Omit<DrawnAnswer, 'index'> {
  /** Where it stands in the file, from 1. */
  readonly line: number;
  readonly questionId?: string;
  /** The wording that was asked. */
  readonly question?: string;
  readonly system?: string;
  /** Of its question, where the file is the answers.csv of a report. */
  readonly place?: Required<Pick<Question, 'base' | 'form' | 'group'>>;
  /** Scores that the file holds, by name; null where there is none. */
  readonly scores: Readonly<Record<string, number | null>>;
  readonly label?: string;
}
