/** Where an example came from, for messages about it. */
export interface ExampleOrigin {
  readonly file: string;
  /** Line number, counted from 1. */
  readonly line: number;
}
