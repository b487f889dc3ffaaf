/** What the screen said of a training file. The whole report, an example a line, is a result file of the job. */
export interface ScreeningVerdict {
  readonly outcome: 'passed' | 'warned' | 'refused';
  readonly examples: number;
  /** Kept all the same. */
  readonly warned: number;
  /** Left out of the training. */
  readonly dropped: number;
  /** The reasons by how many examples have them, such as `{ 'hidden-unicode': 3 }`. */
  readonly reasons: Readonly<Record<string, number>>;
  /** In words, for the job's events. */
  readonly reason: string;
  /** Id of the report's file. */
  readonly report: string | null;
}
