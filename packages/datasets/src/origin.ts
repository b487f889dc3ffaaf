/** Where an example came from, for messages about it. */
export interface ExampleOrigin {
  readonly file: string;
  /** The line on which it begins, counted from 1; in a file without lines (Parquet) the row, counted from 1. */
  readonly line: number;
  /** What `line` counts. Default `line`. */
  readonly unit?: 'row';
}

/** The origin as messages begin with it: `chats.jsonl:7`, `chats.parquet, row 7`. */
export function describeOrigin({ file, line, unit }: ExampleOrigin): string {
  return unit === undefined ? `${file}:${line}` : `${file}, ${unit} ${line}`;
}
