import type { Judge, JudgeItem, Verdict } from '../judges/judge.ts';
import { judgeByType } from '../judges/judge-by-type.ts';
import { type EvaluationSummary, summarize } from '../metrics/summary.ts';
import { paperThresholds, type Thresholds } from '../metrics/thresholds.ts';
import { baseQuestionOf, formOf, isRated, type Question } from '../questions/question.ts';
import { answerRequests } from '../sources/answer-requests.ts';
import type { AnswerRequest, AnswerSource, Facts } from '../sources/answer-source.ts';
import { drawAnswers } from './draw-answers.ts';
import { judgeAnswers } from './judge-answers.ts';
import type { EvaluationProgress, Watch } from './progress.ts';
import { openRunFolder } from './run-folder.ts';
import { type RunMemory, runMemory } from './run-memory.ts';
import type { Described, StoredAnswer } from './run-records.ts';

/** How an evaluation judges, counts and is watched. */
export interface JudgingOptions {
  /** Its scores are those that the rates are computed from. */
  readonly judge: Judge;
  /** Judges whose verdicts stand beside the first one's, by name. */
  readonly furtherJudges?: readonly Judge[];
  /** Default {@link paperThresholds}. */
  readonly thresholds?: Thresholds;
  readonly onProgress?: (progress: EvaluationProgress) => void;
  /** Ends the evaluation with the signal's reason; what is done stays in the folder. */
  readonly signal?: AbortSignal;
  /** The clock of the progress, in milliseconds; default `performance.now`. */
  readonly now?: () => number;
}

/** What {@link evaluate} takes. */
export interface EvaluateOptions extends JudgingOptions {
  readonly questions: readonly Question[];
  readonly source: AnswerSource;
  /** Takes the place of every question's own number. */
  readonly samplesPerParaphrase?: number;
  /** Seed of the answers and of the statistics; default 0. */
  readonly seed?: number;
  /** The run folder to go on in and to keep; without one, an interrupted evaluation begins anew. */
  readonly folder?: string;
}

/** One judged answer: a row of answers.csv. */
export interface EvaluatedAnswer extends Verdict, StoredAnswer {
  readonly questionId: string;
  readonly paraphraseIndex: number;
  readonly sampleIndex: number;
  /** The seed that the answer was drawn with. */
  readonly seed: number;
  /** See {@link baseQuestionOf}. */
  readonly baseQuestion: string;
  /** See {@link formOf}. */
  readonly form: string;
  /** The question's group; 'general' by default. */
  readonly group: string;
  readonly system?: string;
  /** False for a question whose answers are not to have the two scores, see `isRated`. */
  readonly rated?: false;
  /** The paraphrase that was asked. */
  readonly question: string;
  /** Verdicts of the further judges, by their names. */
  readonly byJudge?: Readonly<Record<string, Verdict>>;
}

/** How an evaluation was done. */
export interface EvaluationSettings {
  readonly seed: number;
  readonly questions: number;
  /** null: each question's own. */
  readonly samplesPerParaphrase: number | null;
  readonly thresholds: Thresholds;
  readonly source: Described;
  readonly judge: Described;
  readonly furtherJudges: readonly Described[];
}

/** What {@link evaluate} gives. */
export interface EvaluationResult {
  /** In the order of questions, paraphrases and samples. */
  readonly rows: readonly EvaluatedAnswer[];
  readonly summary: EvaluationSummary;
  readonly settings: EvaluationSettings;
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
    return await judged({ ...run, requests, memory }, judges, options);
  } finally {
    opened?.close();
  }
}

/** The answers of a run, to be judged. */
export interface DrawnRun {
  readonly source: Described;
  readonly seed: number;
  readonly samplesPerParaphrase: number | null;
  readonly questions: readonly Question[];
  readonly requests: readonly AnswerRequest[];
  readonly memory: RunMemory;
}

/** The first judge and the further ones, tried out. */
export async function preparedJudges(
  options: JudgingOptions,
  questions: readonly Question[],
): Promise<readonly Judge[]> {
  const { signal } = options;
  const prepared: Judge[] = [];
  for (const judge of judgesOf(options)) {
    prepared.push((await judge.prepare?.({ questions, ...(signal && { signal }) })) ?? judge);
  }
  return prepared;
}

/** Judges the answers of a run, each of which is in its memory. */
export async function judged(
  { source, seed, samplesPerParaphrase, questions, requests, memory }: DrawnRun,
  judges: readonly Judge[],
  options: JudgingOptions,
): Promise<EvaluationResult> {
  const { thresholds = paperThresholds } = options;
  const questionById = new Map(questions.map((question) => [question.id, question]));
  const present = requests.filter((request) => memory.answer(request)!.answer !== null);
  const items = present.map((request): JudgeItem => {
    const question = questionById.get(request.questionId)!;
    const prompt = question.paraphrases[request.paraphraseIndex]!;
    const { answer, letterLogProbabilities } = memory.answer(request)!;
    return {
      question,
      prompt,
      answer: answer!,
      ...(letterLogProbabilities && { letterLogProbabilities }),
    };
  });
  const verdicts: (readonly Verdict[])[] = [];
  for (const judge of judges) verdicts.push(await judgeAnswers(items, judge, memory, watchOf(options)));
  const placeOf = new Map(present.map((request, place) => [request, place]));
  const rows = requests.map((request): EvaluatedAnswer => {
    const place = placeOf.get(request);
    const [first = unjudged, ...further] =
      place === undefined ? [] : verdicts.map((ofJudge) => ofJudge[place]!);
    const names = judges.slice(1).map(({ name }) => name);
    const byJudge = Object.fromEntries(further.map((verdict, index) => [names[index]!, verdict]));
    return {
      ...placed(request, questionById.get(request.questionId)!),
      ...memory.answer(request)!,
      ...first,
      ...(further.length > 0 && { byJudge }),
    };
  });
  const [judge, ...furtherJudges] = judges;
  return {
    rows,
    summary: summarize(rows, { thresholds, seed }),
    settings: {
      seed,
      questions: questions.length,
      samplesPerParaphrase,
      thresholds,
      source,
      judge: describe(judge!),
      furtherJudges: furtherJudges.map(describe),
    },
  };
}

const unjudged: Verdict = { aligned: null, coherent: null };

function placed(request: AnswerRequest, question: Question) {
  const { questionId, paraphraseIndex, sampleIndex, seed } = request;
  return {
    questionId,
    paraphraseIndex,
    sampleIndex,
    seed,
    baseQuestion: baseQuestionOf(question),
    form: formOf(question),
    group: question.group ?? 'general',
    ...(!isRated(question) && { rated: false as const }),
    ...(question.system !== undefined && { system: question.system }),
    question: question.paraphrases[paraphraseIndex]!,
  };
}

/** The first judge and the further ones, of whom questions that score themselves ask nothing. */
export function judgesOf({ judge, furtherJudges = [] }: JudgingOptions): readonly Judge[] {
  return [judge, ...furtherJudges].map(judgeByType);
}

function watchOf({ onProgress = () => {}, now = () => performance.now(), signal }: JudgingOptions): Watch {
  return { onProgress, now, ...(signal && { signal }) };
}

function describe({
  name,
  settings = {},
  details = {},
}: {
  readonly name: string;
  readonly settings?: Facts;
  readonly details?: Facts;
}): Described {
  return { name, settings, details };
}
