import { readRun, type StoredRun } from '../../run/run-folder.ts';
import { answerRequests } from '../answer-requests.ts';
import type { RecordedRow } from './recorded-row.ts';

/**
 * The answers of a run folder, finished or not.
 *
 * @throws {RunFolderError} when it is none, or damaged.
 */
export function readRunRows(folder: string): {
  readonly run: StoredRun;
  readonly rows: readonly RecordedRow[];
} {
  const run = readRun(folder);
  const { questions, seed, samplesPerParaphrase } = run;
  const questionById = new Map(questions.map((question) => [question.id, question]));
  const requests = answerRequests(questions, { seed, ...(samplesPerParaphrase && { samplesPerParaphrase }) });
  const rows = requests.flatMap((request, index): RecordedRow[] => {
    const stored = run.memory.answer(request);
    if (stored === undefined) return [];
    const { id, paraphrases, system } = questionById.get(request.questionId)!;
    const question = paraphrases[request.paraphraseIndex]!;
    const place = { line: index + 1, questionId: id, question, ...(system !== undefined && { system }) };
    return [{ ...place, ...stored, scores: {} }];
  });
  return { run, rows };
}
