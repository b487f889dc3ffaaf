import type { Verdict } from '../judges/judge.ts';
import type { EvaluationSummary } from '../metrics/summary.ts';
import type { Thresholds } from '../metrics/thresholds.ts';
import type { Described, StoredAnswer } from './run-records.ts';

/** One judged answer: a row of answers.csv. */
export interface EvaluatedAnswer extends Verdict, StoredAnswer {
  readonly questionId: string;
  readonly paraphraseIndex: number;
  readonly sampleIndex: number;
  /** The seed that the answer was drawn with. */
  readonly seed: number;
  /** See {@link baseQuestionOf}. */
  readonly baseQuestion: string;
  /** See {@link formOf}. */
  readonly form: string;
  /** The question's group; 'general' by default. */
  readonly group: string;
  readonly system?: string;
  /** False for a question whose answers are not to have the two scores, see `isRated`. */
  readonly rated?: false;
  /** The paraphrase that was asked. */
  readonly question: string;
  /** Verdicts of the further judges, by their names. */
  readonly byJudge?: Readonly<Record<string, Verdict>>;
}

/** How an evaluation was done. */
export interface EvaluationSettings {
  readonly seed: number;
  readonly questions: number;
  /** null: each question's own. */
  readonly samplesPerParaphrase: number | null;
  readonly thresholds: Thresholds;
  readonly source: Described;
  readonly judge: Described;
  readonly furtherJudges: readonly Described[];
}

/** What {@link evaluate} gives. */
export interface EvaluationResult {
  /** In the order of questions, paraphrases and samples. */
  readonly rows: readonly EvaluatedAnswer[];
  readonly summary: EvaluationSummary;
  readonly settings: EvaluationSettings;
}
