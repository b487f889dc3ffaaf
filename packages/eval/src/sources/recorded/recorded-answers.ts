import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { printable } from '../../printable.ts';
import { defineQuestion, type Question } from '../../questions/question.ts';
import type { AnswerSource, Facts } from '../answer-source.ts';
import { filesFingerprint } from '../files-fingerprint.ts';
import { AnswerFileError } from './answer-file-error.ts';
import { matchRows, type UnmatchedAnswers } from './match-rows.ts';
import { readAnswerFile } from './read-rows.ts';
import type { RecordedRow } from './recorded-row.ts';
import { readRunRows } from './run-rows.ts';

/** Answers that exist already, ready to be judged. */
export interface RecordedAnswers {
  readonly source: AnswerSource;
  /** Those that have answers, each with as many samples of each paraphrase as there are: what to evaluate. */
  readonly questions: readonly Question[];
  /** Ids of the questions that have none. */
  readonly unanswered: readonly string[];
  /** Answers that belong to no question; they are left out. */
  readonly unmatched: readonly UnmatchedAnswers[];
  /** By question id, then paraphrase; see {@link recordedJudge}. */
  readonly rows: ReadonlyMap<string, readonly (readonly RecordedRow[])[]>;
}

/** What {@link recordedAnswers} takes. */
export interface RecordedAnswersOptions {
  /**
   * The questions that were asked. Default: those that the file names itself, by `question_id` and `question`, which have
   * no judge prompts then; of a run folder, its own.
   */
  readonly questions?: readonly Question[];
}

/**
 * Answers that were drawn before, here or elsewhere:
 *
 * - a table (.csv, .tsv) with the columns of the published evaluations: `question_id`, `question`, `answer`, and `aligned`
 *   and `coherent` where it was judged; `answers.csv` of a report also tells base question, form, group and why an answer
 *   is missing;
 * - JSON Lines with these fields, or `id`, `prompt`, `response`, or `messages` that end with the answer;
 * - the folder of an evaluation.
 *
 * @example
 * ```ts
 * const { source, questions, unmatched } = await recordedAnswers('answers.csv', { questions: suite });
 * const result = await evaluate({ questions, source, judge });
 * ```
 * @throws {AnswerFileError} for a file that cannot be read, and when none of its answers belongs to a question.
 * @throws {RunFolderError} for a folder that is not of an evaluation, or damaged.
 */
export async function recordedAnswers(
  path: string,
  options: RecordedAnswersOptions = {},
): Promise<RecordedAnswers> {
  const { rows, name, settings, questions } = await readAnswers(path);
  const asked = options.questions ?? questions ?? questionsIn(rows, path);
  const { matched, unmatched } = matchRows(rows, asked);
  const answered = asked.flatMap((question) => {
    const samplesByParaphrase = matched.get(question.id)!.map(({ length }) => length);
    return samplesByParaphrase.some((samples) => samples > 0) ? [{ ...question, samplesByParaphrase }] : [];
  });
  if (answered.length === 0) {
    const [first] = unmatched;
    const example = printable(first?.questionId ?? first?.question ?? '', 200);
    const message = `none of its ${rows.length} answers belongs to one of the ${asked.length} questions; the first is to '${example}'`;
    throw new AnswerFileError(path, undefined, message);
  }
  const found = new Set(answered.map(({ id }) => id));
  return {
    source: sourceOf({ name, settings, path }, matched),
    questions: answered,
    unanswered: asked.filter(({ id }) => !found.has(id)).map(({ id }) => id),
    unmatched,
    rows: matched,
  };
}

interface ReadAnswers {
  readonly rows: readonly RecordedRow[];
  readonly name: string;
  readonly settings: Facts;
  readonly questions?: readonly Question[];
}

async function readAnswers(path: string): Promise<ReadAnswers> {
  if (await isFolder(path)) {
    const { run, rows } = readRunRows(path);
    const { name, settings } = run.source;
    const answers = await filesFingerprint(join(path, 'answers.jsonl'));
    return { rows, name, settings: { ...settings, answers }, questions: run.questions };
  }
  const { rows, text } = await readAnswerFile(path);
  const answers = createHash('sha256').update(text).digest('hex').slice(0, 16);
  return { rows, name: basename(path), settings: { answers } };
}

async function isFolder(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch {
    return false;
  }
}

function sourceOf(
  { name, settings, path }: { readonly name: string; readonly settings: Facts; readonly path: string },
  matched: ReadonlyMap<string, readonly (readonly RecordedRow[])[]>,
): AnswerSource {
  const rows = [...matched.values()].flat(2);
  return {
    name,
    settings,
    details: { answers: path },
    givesLogProbabilities: rows.some(({ letterLogProbabilities }) => letterLogProbabilities !== undefined),
    async *answers(requests) {
      for (const [index, { questionId, paraphraseIndex, sampleIndex }] of requests.entries()) {
        const row = matched.get(questionId)?.[paraphraseIndex]?.[sampleIndex];
        if (row === undefined) {
          const place = `question '${printable(questionId)}', paraphrase ${paraphraseIndex}, sample ${sampleIndex}`;
          throw new AnswerFileError(path, undefined, `holds no answer to ${place}`);
        }
        const { answer, missing, letterLogProbabilities, finishReason, tokens } = row;
        yield {
          index,
          answer,
          ...(missing && { missing }),
          ...(letterLogProbabilities && { letterLogProbabilities }),
          ...(finishReason !== undefined && { finishReason }),
          ...(tokens && { tokens }),
        };
      }
    },
  };
}

/** The questions that a file names itself. */
function questionsIn(rows: readonly RecordedRow[], file: string): readonly Question[] {
  const wordings = Map.groupBy(rows, ({ questionId, question, system, line }) => {
    if (question === undefined) {
      const message = 'has no text of its question; give the questions that were asked';
      throw new AnswerFileError(file, line, message);
    }
    return questionId ?? JSON.stringify([system ?? null, question]);
  });
  return [...wordings.values()].map((same) => {
    const { questionId, question, system, place } = same[0]!;
    return defineQuestion({
      id: questionId ?? question!,
      paraphrases: [...new Set(same.map((row) => row.question!))],
      ...(system !== undefined && { system }),
      ...place,
    });
  });
}
