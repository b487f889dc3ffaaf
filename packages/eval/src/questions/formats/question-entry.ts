/** One question as a file has it, before its fields are checked. */
export interface QuestionEntry {
  /** A mapping of the fields of question files, if the file is right. */
  readonly value: unknown;
  /**
   * Line of a field of it, from 1; of the entry itself for a field that has no line of its own.
   *
   * @param holding words of a text of several lines: the line on which they stand, if it can be told.
   */
  lineOf(path: readonly (string | number)[], holding?: string): number;
}

/** What the formats are told beside the text. */
export interface FormatContext {
  /** What messages call the file. */
  readonly fileName: string;
  /** Of the persona-vectors format: which half of its instructions becomes the system message; default none. */
  readonly instructions?: 'pos' | 'neg';
}
