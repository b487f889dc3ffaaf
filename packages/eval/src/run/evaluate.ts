import type { Question } from '../questions/question.ts';
import { answerRequests } from '../sources/answer-requests.ts';
import type { AnswerSource } from '../sources/answer-source.ts';
import { drawAnswers } from './draw-answers.ts';
import type { EvaluationResult } from './evaluation-result.ts';
import { describe, type JudgingOptions, judged, judgesOf, preparedJudges, watchOf } from './judged-run.ts';
import { openRunFolder } from './run-folder.ts';
import { runMemory } from './run-memory.ts';
import { writeResult } from './stored-result.ts';

/** What {@link evaluate} takes. */
export interface EvaluateOptions extends JudgingOptions {
  readonly questions: readonly Question[];
  readonly source: AnswerSource;
  /** Takes the place of every question's own number. */
  readonly samplesPerParaphrase?: number;
  /** Seed of the answers; default 0. */
  readonly seed?: number;
  /** The run folder to go on in and to keep; without one, an interrupted evaluation begins anew. */
  readonly folder?: string;
}

/**
 * Asks every question, judges every answer and computes the rates. The judge is tried out first, then answers are drawn,
 * then judged, as many at a time as the judge allows. With a folder, a killed evaluation goes on where it was, a higher
 * number of samples adds the missing ones, and another judge is asked about the answers that are there.
 *
 * Answers the judge could not be asked about are rows without scores, counted by reason in
 * `summary.overall.unscored`. Pass the result to {@link requireScores} before its rates are believed.
 *
 * @throws {InvalidOptionError} for no questions, ids used twice, a bad seed or number of samples, unjudgeable questions.
 * @throws {AnswerSourceError} when the source leaves a request unanswered or answers one twice.
 * @throws {JudgeVerdictError} when the judge gives a score outside 0 .. 100.
 * @throws {RunMismatchError} when the folder holds another source's answers.
 * @throws {RunLockedError} while another evaluation works in the folder.
 */
export async function evaluate(options: EvaluateOptions): Promise<EvaluationResult> {
  const { questions, source, folder, samplesPerParaphrase, signal, seed = 0 } = options;
  const samples = samplesPerParaphrase === undefined ? {} : { samplesPerParaphrase };
  const requests = answerRequests(questions, { seed, ...samples });
  for (const judge of judgesOf(options)) judge.check?.(questions);
  signal?.throwIfAborted();
  const run = {
    source: describe(source),
    seed,
    samplesPerParaphrase: samplesPerParaphrase ?? null,
    questions,
  };
  const opened = folder === undefined ? undefined : await openRunFolder(folder, run);
  try {
    const judges = await preparedJudges(options, questions);
    for (const judge of judges) opened?.recordJudge(judge);
    const memory = opened ?? runMemory();
    await drawAnswers(requests, source, memory, watchOf(options));
    const result = await judged({ ...run, requests, memory }, judges, options);
    if (folder !== undefined) await writeResult(folder, result);
    return result;
  } finally {
    opened?.close();
  }
}
