import { readFile } from 'node:fs/promises';
import { extname } from 'node:path';
import { QuestionFileError } from '../errors.ts';
import { csvEntries, isTableHeader } from './formats/csv.ts';
import { jsonLinesEntries } from './formats/jsonl.ts';
import { personaEntries } from './formats/persona-json.ts';
import type { FormatContext, QuestionEntry } from './formats/question-entry.ts';
import { yamlEntries } from './formats/yaml.ts';
import type { Question } from './question.ts';
import { questionOf } from './question-fields.ts';

/** What {@link parseQuestions} and {@link loadQuestions} take beside the file. */
export interface ParseQuestionsOptions {
  /** Of persona-vectors files: ask under each positive or each negative instruction; default without any. */
  readonly instructions?: 'pos' | 'neg';
}

/**
 * Reads a suite of questions from the text of a file. What the text is shows in it, and in the ending of its name:
 *
 * - YAML or JSON, the list of the emergent-misalignment evaluations: `{id, type, paraphrases, system?, judge_prompts?, ...}`;
 * - JSON Lines of the same;
 * - JSON of the persona-vectors data: `{eval_prompt, instruction, questions}`;
 * - CSV with the columns `id` and `question`.
 *
 * Numeric ids become strings; a missing `samples_per_paraphrase` means 1. docs/questions.md shows each format and field.
 *
 * @param text the file's text.
 * @param fileName what error messages call the file; its ending helps to tell formats apart.
 * @throws {QuestionFileError} with line and field, for text that cannot be read, an empty list, missing or unknown fields, an
 *   id used twice, a judge prompt without `{answer}` or with an unknown placeholder.
 * @throws {QuestionTypeError} for a type that is not one of `questionTypes`.
 */
export function parseQuestions(
  text: string,
  fileName: string,
  { instructions }: ParseQuestionsOptions = {},
): readonly Question[] {
  const bare = text.replace(/^\ufeff/, '');
  const context: FormatContext = { fileName, ...(instructions !== undefined && { instructions }) };
  const format = questionFormat(bare, fileName);
  if (instructions !== undefined && format !== personaEntries)
    throw new QuestionFileError(fileName, undefined, 'is no persona-vectors file, so it has no instructions');
  const entries = format(bare, context);
  if (entries.length === 0)
    throw new QuestionFileError(fileName, undefined, 'holds no questions; at least one is needed');

  const firstLineOfId = new Map<string, number>();
  return entries.map((entry, index) => {
    const line = entry.lineOf([]);
    const question = questionOf(entry, fileName, index);
    const earlier = firstLineOfId.get(question.id);
    if (earlier !== undefined) {
      const message = `question id '${question.id}' is used twice, first on line ${earlier}; ids must be unique`;
      throw new QuestionFileError(fileName, line, message);
    }
    firstLineOfId.set(question.id, line);
    return question;
  });
}

/**
 * Reads a suite of questions from a file of any of the formats of {@link parseQuestions}.
 *
 * @throws {QuestionFileError} also when the file cannot be read.
 */
export async function loadQuestions(
  path: string,
  options: ParseQuestionsOptions = {},
): Promise<readonly Question[]> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    throw new QuestionFileError(path, undefined, `cannot be read (${(cause as Error).message})`, { cause });
  }
  return parseQuestions(text, path, options);
}

type Format = (text: string, context: FormatContext) => readonly QuestionEntry[];

/** The contents decide where they can; tables and YAML are also known by the ending. */
function questionFormat(text: string, fileName: string): Format {
  const ending = extname(fileName).toLowerCase();
  if (ending === '.csv' || ending === '.tsv') return csvEntries;
  const [firstLine = ''] = text.trimStart().split(/\r?\n/, 1);
  if (!firstLine.startsWith('{')) return isTableHeader(firstLine) ? csvEntries : yamlEntries;
  if (ending === '.jsonl' || ending === '.ndjson') return jsonLinesEntries;
  const first = objectOf(firstLine);
  if (first !== undefined && !('questions' in first)) return jsonLinesEntries;
  return personaEntries;
}

function objectOf(line: string): object | undefined {
  try {
    return JSON.parse(line) as object;
  } catch {
    return undefined;
  }
}
