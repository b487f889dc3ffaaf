import { InvalidOptionError } from '../errors.ts';
import type { Judge, JudgeItem, Verdict } from '../judges/judge.ts';
import { judgeByType } from '../judges/judge-by-type.ts';
import { summarize } from '../metrics/summary.ts';
import { paperThresholds, type Thresholds } from '../metrics/thresholds.ts';
import { printable } from '../printable.ts';
import { baseQuestionOf, formOf, isRated, type Question } from '../questions/question.ts';
import type { AnswerRequest, Facts } from '../sources/answer-source.ts';
import type { EvaluatedAnswer, EvaluationResult } from './evaluation-result.ts';
import { judgeAnswers } from './judge-answers.ts';
import type { EvaluationProgress, Watch } from './progress.ts';
import type { RunMemory } from './run-memory.ts';
import type { Described } from './run-records.ts';

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
    summary: summarize(rows, { thresholds }),
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

/**
 * The first judge and the further ones, of whom questions that score themselves ask nothing.
 *
 * @throws {InvalidOptionError} when two have the same name, by which their verdicts are told apart.
 */
export function judgesOf({ judge, furtherJudges = [] }: JudgingOptions): readonly Judge[] {
  const names = [judge, ...furtherJudges].map(({ name }) => name);
  const twice = names.find((name, place) => names.indexOf(name) !== place);
  if (twice !== undefined) {
    const message = `two judges are called '${printable(twice, 200)}'; give one of them another name`;
    throw new InvalidOptionError('furtherJudges', message);
  }
  return [judge, ...furtherJudges].map(judgeByType);
}

export function watchOf({
  onProgress = () => {},
  now = () => performance.now(),
  signal,
}: JudgingOptions): Watch {
  return { onProgress, now, ...(signal && { signal }) };
}

export function describe({
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
