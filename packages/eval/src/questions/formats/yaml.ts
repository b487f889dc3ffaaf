import { QuestionFileError, YamlTextError } from '../../errors.ts';
import { parseYaml, type YamlText } from '../yaml-text.ts';
import type { FormatContext, QuestionEntry } from './question-entry.ts';

/** The published format: a YAML (or JSON) list of questions. Anchors, aliases and merge keys work. */
export function yamlEntries(text: string, { fileName }: FormatContext): readonly QuestionEntry[] {
  const { value, lineOf } = readYaml(text, fileName);
  if (!Array.isArray(value) || value.length === 0)
    throw new QuestionFileError(
      fileName,
      undefined,
      'holds no questions; a list of at least one is needed, each with an id and paraphrases',
    );
  const lines = text.split('\n');
  return value.map((entry: unknown, index) => ({
    value: entry,
    lineOf: (path, holding) => lineHolding(lines, nearestLine(lineOf, [index, ...path]), holding),
  }));
}

/**
 * Text as YAML, of which JSON is a part.
 *
 * @throws {QuestionFileError} for text that is not YAML.
 */
export function readYaml(text: string, fileName: string): YamlText {
  try {
    return parseYaml(text);
  } catch (cause) {
    if (!YamlTextError.isInstance(cause)) throw cause;
    throw new QuestionFileError(fileName, cause.line, `not valid YAML: ${cause.message}`, { cause });
  }
}

/** Of the value at a path, or of what it stands in: what an alias brings has no line here. */
export function nearestLine(lineOf: YamlText['lineOf'], path: readonly (string | number)[]): number {
  for (let length = path.length; length > 0; length -= 1) {
    const line = lineOf(path.slice(0, length));
    if (line !== undefined) return line;
  }
  return 1;
}

/** The first line from one on that holds some words; that line itself where none does. */
function lineHolding(lines: readonly string[], from: number, words: string | undefined): number {
  if (words === undefined) return from;
  const offset = lines.slice(from - 1).findIndex((line) => line.includes(words));
  return offset === -1 ? from : from + offset;
}
