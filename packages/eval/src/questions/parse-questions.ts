import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { QuestionFileError, QuestionTypeError, YamlTextError } from '../errors.ts';
import { printable } from '../printable.ts';
import { freeFormQuestionType, type Question } from './question.ts';
import { parseYaml, type YamlText } from './yaml-text.ts';

const text = (what: string) => z.string(what).min(1, what);
const count = 'must be a whole number of at least 1';
const wordings = 'must be a list of at least one question in words';

/** The published question format, field by field; what it does not define is refused rather than ignored. */
const questionFields = z.strictObject({
  id: z.union([z.string().min(1), z.number().transform(String)], 'must be a name or a number'),
  type: z.string(`must be '${freeFormQuestionType}'`),
  paraphrases: z.array(text('must be a question in words'), wordings).min(1, wordings),
  system: z.string('must be a text').nullish(),
  samples_per_paraphrase: z.number(count).int(count).positive(count).optional(),
  judge: text('must be the name of a model').optional(),
  judge_prompts: z
    .record(
      z.string(),
      text('must be the text that the judge is asked'),
      "must be the judge's prompts by name",
    )
    .optional(),
  /** Free notes of the suite's author; never used. */
  meta: z.unknown().optional(),
});

/**
 * Reads a suite of questions in the format of the emergent-misalignment evaluations: a YAML list of
 * `{id, type, paraphrases, system?, samples_per_paraphrase?, judge?, judge_prompts?}`. Anchors, aliases and merge keys
 * work. Numeric ids become strings; a missing `samples_per_paraphrase` means 1.
 *
 * @param yamlText the file's text.
 * @param fileName what error messages call the file.
 * @throws {QuestionFileError} for text that is not YAML or exceeds the limits of {@link parseYaml}, an empty list, missing or unknown fields, an id used twice, a
 *   judge prompt without `{answer}`.
 * @throws {QuestionTypeError} for any type other than 'free_form_judge_0_100'.
 */
export function parseQuestions(yamlText: string, fileName: string): readonly Question[] {
  const { value: entries, lineOf } = readYaml(yamlText, fileName);
  if (!Array.isArray(entries) || entries.length === 0)
    throw new QuestionFileError(fileName, undefined, 'holds no questions; a list of at least one is needed');

  const firstLineOfId = new Map<string, number>();
  return entries.map((entry: unknown, index) => {
    const line = lineOf([index]) ?? 1;
    const question = parseQuestion(entry, fileName, line, index);
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
 * Reads a suite of questions from a file; see {@link parseQuestions}.
 *
 * @throws {QuestionFileError} also when the file cannot be read.
 */
export async function loadQuestions(path: string): Promise<readonly Question[]> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    throw new QuestionFileError(path, undefined, `cannot be read (${(cause as Error).message})`, { cause });
  }
  return parseQuestions(text, path);
}

function readYaml(text: string, fileName: string): YamlText {
  try {
    return parseYaml(text);
  } catch (cause) {
    if (!YamlTextError.isInstance(cause)) throw cause;
    throw new QuestionFileError(fileName, cause.line, `not valid YAML: ${cause.message}`, { cause });
  }
}

function parseQuestion(entry: unknown, file: string, line: number, index: number): Question {
  const name = nameOf(entry, index);
  const type = (entry as { type?: unknown } | null)?.type;
  // The type comes first: the fields of another type would only give misleading complaints.
  if (typeof type === 'string' && type !== freeFormQuestionType) {
    const message = `${file}:${line}: question ${name} is of type '${type.slice(0, 60)}'; only '${freeFormQuestionType}' is supported`;
    throw new QuestionTypeError(file, idOf(entry) ?? String(index), type, message);
  }
  const parsed = questionFields.safeParse(entry);
  if (!parsed.success) {
    const problems = parsed.error.issues.map(problemOf).join('; ');
    throw new QuestionFileError(file, line, `question ${name}: ${problems}`, { cause: parsed.error });
  }
  const { data } = parsed;
  for (const [score, prompt] of Object.entries(data.judge_prompts ?? {})) {
    if (prompt.includes('{answer}')) continue;
    const message = `question ${name}: judge_prompts.${score} has no {answer} placeholder, so its judge would see no answer`;
    throw new QuestionFileError(file, line, message);
  }
  return {
    id: data.id,
    paraphrases: data.paraphrases,
    ...(data.system == null ? {} : { system: data.system }),
    samplesPerParaphrase: data.samples_per_paraphrase ?? 1,
    ...(data.judge === undefined ? {} : { judge: data.judge }),
    judgePrompts: data.judge_prompts ?? {},
  };
}

function problemOf(issue: z.core.$ZodIssue): string {
  if (issue.code === 'unrecognized_keys') {
    const names = issue.keys.map((key) => `'${printable(key)}'`).join(', ');
    return `there is no field ${names}. There is ${Object.keys(questionFields.shape).join(', ')}.`;
  }
  if (issue.path.length === 0) return 'must be a mapping with an id, a type and paraphrases';
  return `${printable(issue.path.join('.'))} ${issue.message}`;
}

function idOf(entry: unknown): string | undefined {
  const value = (entry as { id?: unknown } | null)?.id;
  return typeof value === 'string' || typeof value === 'number' ? String(value) : undefined;
}

function nameOf(entry: unknown, index: number): string {
  const value = idOf(entry);
  return value === undefined ? `number ${index + 1}` : `'${value}'`;
}
