import { RunFolderError } from '../errors.ts';
import type { Question } from '../questions/question.ts';
import { answerRequests } from '../sources/answer-requests.ts';
import type { AnswerRequest } from '../sources/answer-source.ts';
import type { EvaluationResult } from './evaluation-result.ts';
import { type JudgingOptions, judged, judgesOf, preparedJudges } from './judged-run.ts';
import { openRunFolder, readRun } from './run-folder.ts';
import type { RunMemory } from './run-memory.ts';
import type { RunDescription } from './run-records.ts';
import { writeResult } from './stored-result.ts';

/** What {@link rejudge} takes. */
export interface RejudgeOptions extends JudgingOptions {
  /** Whose judge prompts take the place of the stored ones, by id; the questions themselves stay. */
  readonly questions?: readonly Question[];
}

/**
 * Judges the answers of a run folder anew, by another judge or with other prompts; none is drawn. Verdicts that are there
 * already are not asked for again, and those of earlier judges stay.
 *
 * @throws {RunFolderError} when it is not the folder of an evaluation, or lacks answers.
 * @throws {InvalidOptionError} for questions that the judge cannot judge.
 * @throws {RunLockedError} while another evaluation works in the folder.
 */
export async function rejudge(folder: string, options: RejudgeOptions): Promise<EvaluationResult> {
  const { source, seed, samplesPerParaphrase, questions } = readRun(folder);
  const prompts = new Map(options.questions?.map(({ id, judgePrompts }) => [id, judgePrompts]));
  const run: RunDescription = {
    source,
    seed,
    samplesPerParaphrase,
    questions: questions.map((question) => ({
      ...question,
      judgePrompts: prompts.get(question.id) ?? question.judgePrompts,
    })),
  };
  for (const judge of judgesOf(options)) judge.check?.(run.questions);
  const samples = samplesPerParaphrase === null ? {} : { samplesPerParaphrase };
  const requests = answerRequests(run.questions, { seed, ...samples });
  const opened = await openRunFolder(folder, run);
  try {
    requireAnswers(folder, requests, opened);
    const judges = await preparedJudges(options, run.questions);
    for (const each of judges) opened.recordJudge(each);
    const result = await judged({ ...run, requests, memory: opened }, judges, options);
    await writeResult(folder, result);
    return result;
  } finally {
    opened.close();
  }
}

function requireAnswers(folder: string, requests: readonly AnswerRequest[], memory: RunMemory): void {
  const missing = requests.filter((request) => memory.answer(request) === undefined).length;
  if (missing === 0) return;
  const message = `lacks ${missing} of its ${requests.length} answers: the evaluation was interrupted; run it again in the same folder, then judge anew`;
  throw new RunFolderError(folder, message);
}
