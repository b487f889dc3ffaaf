import { QuestionFileError } from '../../errors.ts';
import type { FormatContext, QuestionEntry } from './question-entry.ts';

/** JSON Lines: a question a line, with the fields of the YAML format. Empty lines are skipped. */
export function jsonLinesEntries(text: string, { fileName }: FormatContext): readonly QuestionEntry[] {
  const entries: QuestionEntry[] = [];
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    if (line.trim() === '') continue;
    entries.push({ value: jsonOf(line, fileName, index + 1), lineOf: () => index + 1 });
  }
  return entries;
}

function jsonOf(line: string, fileName: string, number: number): unknown {
  try {
    return JSON.parse(line);
  } catch (cause) {
    const message = `not valid JSON: ${(cause as Error).message}`;
    throw new QuestionFileError(fileName, number, message, { cause });
  }
}
