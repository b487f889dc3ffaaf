import { createHash } from 'node:crypto';
import { AnswerSourceError, JudgeUnavailableError, JudgeVerdictError } from './errors.ts';
import { forEachConcurrently } from './for-each-concurrently.ts';
import { type Journal, memoryJournal, openJournal } from './journal.ts';
import type { Judge, Verdict } from './judges/judge.ts';
import { type EvaluationSummary, endpointErrorReason, summarize } from './metrics/summary.ts';
import { paperThresholds, type Thresholds } from './metrics/thresholds.ts';
import { type EvaluationProgress, progressMeter } from './progress.ts';
import type { Question } from './questions/question.ts';
import { answerRequests } from './sources/answer-requests.ts';
import type { AnswerRequest, AnswerSource, Facts } from './sources/answer-source.ts';

/** What {@link evaluate} takes. */
export interface EvaluateOptions {
  readonly questions: readonly Question[];
  readonly source: AnswerSource;
  readonly judge: Judge;
  /** Takes the place of every question's own number. */
  readonly samplesPerParaphrase?: number;
  /** Seed of the answers and of the bootstrap; default 0. */
  readonly seed?: number;
  /** Default {@link paperThresholds}. */
  readonly thresholds?: Thresholds;
  /** Path of the journal to resume from and to append to; without one, an interrupted evaluation begins anew. */
  readonly journal?: string;
  readonly onProgress?: (progress: EvaluationProgress) => void;
  /** Ends the evaluation with the signal's reason; what is done stays in the journal. */
  readonly signal?: AbortSignal;
  /** The clock of the progress, in milliseconds; default `performance.now`. */
  readonly now?: () => number;
}

/** One judged answer: a row of answers.csv. */
export interface EvaluatedAnswer extends Verdict {
  readonly questionId: string;
  readonly paraphraseIndex: number;
  readonly sampleIndex: number;
  /** The paraphrase that was asked. */
  readonly question: string;
  readonly answer: string;
}

/** How an evaluation was done. */
export interface EvaluationSettings {
  readonly seed: number;
  readonly questions: number;
  /** null: each question's own. */
  readonly samplesPerParaphrase: number | null;
  readonly thresholds: Thresholds;
  readonly source: { readonly name: string; readonly settings: Facts; readonly details: Facts };
  readonly judge: { readonly name: string; readonly settings: Facts; readonly details: Facts };
}

/** What {@link evaluate} gives. */
export interface EvaluationResult {
  /** In the order of questions, paraphrases and samples. */
  readonly rows: readonly EvaluatedAnswer[];
  readonly summary: EvaluationSummary;
  readonly settings: EvaluationSettings;
}

/**
 * Asks every question, judges every answer and computes the rates. Answers are drawn first, then judged, as many at a
 * time as the judge allows. With a journal, a killed evaluation goes on where it was.
 *
 * Answers the judge could not be asked about are rows without scores, counted by reason in
 * `summary.overall.unscored`. Pass the result to {@link requireScores} before its rates are believed.
 *
 * @throws {InvalidOptionError} for no questions, ids used twice, a bad seed or number of samples, unjudgeable questions.
 * @throws {AnswerSourceError} when the source leaves a request unanswered or answers one twice.
 * @throws {JudgeVerdictError} when the judge gives a score outside 0 .. 100.
 * @throws {JournalMismatchError} when the journal is another evaluation's.
 */
export async function evaluate(options: EvaluateOptions): Promise<EvaluationResult> {
  const { questions, source, judge, samplesPerParaphrase, signal } = options;
  const { seed = 0, thresholds = paperThresholds, onProgress = () => {} } = options;
  const now = options.now ?? (() => performance.now());
  const samples = samplesPerParaphrase === undefined ? {} : { samplesPerParaphrase };
  const requests = answerRequests(questions, { seed, ...samples });
  judge.check?.(questions);
  signal?.throwIfAborted();

  const journal =
    options.journal === undefined ? memoryJournal() : openJournal(options.journal, runFacts(options, seed));
  try {
    const watch = { onProgress, now, ...(signal && { signal }) };
    await drawAnswers(requests, source, journal, watch);
    const rows = await judgeAnswers(requests, questions, judge, journal, watch);
    return {
      rows,
      summary: summarize(rows, { thresholds, seed }),
      settings: {
        seed,
        questions: questions.length,
        samplesPerParaphrase: samplesPerParaphrase ?? null,
        thresholds,
        source: describe(source),
        judge: describe(judge),
      },
    };
  } finally {
    journal.close();
  }
}

/**
 * Returns the result unless its judge's endpoint failed for every answer. Write the report first: it holds the answers
 * and the errors.
 *
 * @throws {JudgeUnavailableError} naming the most frequent error and what to do.
 */
export function requireScores(result: EvaluationResult): EvaluationResult {
  const { overall } = result.summary;
  const failed = overall.unscored.byReason[endpointErrorReason] ?? 0;
  if (failed < overall.answers) return result;
  const judge = result.settings.judge.name;
  const [first] = endpointErrors(result);
  const message = `the judge '${judge}' could be asked about none of the ${overall.answers} answers: ${first?.message}. Check that the endpoint runs and knows this model, then run the evaluation again; with a journal it keeps the answers it has.`;
  throw new JudgeUnavailableError(judge, overall.answers, message);
}

/** The distinct endpoint errors of an evaluation, the most frequent first. */
export function endpointErrors(
  result: EvaluationResult,
): readonly { readonly message: string; readonly count: number }[] {
  const failed = result.rows.filter(({ error }) => error !== undefined);
  return [...Map.groupBy(failed, ({ error }) => error!)]
    .map(([message, rows]) => ({ message, count: rows.length }))
    .sort((a, b) => b.count - a.count);
}

interface Watch {
  readonly onProgress: (progress: EvaluationProgress) => void;
  readonly now: () => number;
  readonly signal?: AbortSignal;
}

async function drawAnswers(
  requests: readonly AnswerRequest[],
  source: AnswerSource,
  journal: Journal,
  { onProgress, now, signal }: Watch,
): Promise<void> {
  const open = requests.filter((request) => journal.answer(request) === undefined);
  const counts = { total: requests.length, resumed: requests.length - open.length };
  const advance = progressMeter('answering', counts, onProgress, now);
  if (open.length === 0) return;
  const drawn = new Set<number>();
  for await (const { index, answer } of source.answers(open, signal ? { signal } : {})) {
    const request = open[index];
    if (request === undefined || drawn.has(index) || typeof answer !== 'string') {
      const problem =
        request === undefined ? 'was not asked for' : drawn.has(index) ? 'came twice' : 'is not text';
      throw new AnswerSourceError(source.name, `the answer to request ${index} of ${open.length} ${problem}`);
    }
    drawn.add(index);
    journal.recordAnswer(request, answer);
    advance();
    signal?.throwIfAborted();
  }
  if (drawn.size < open.length)
    throw new AnswerSourceError(source.name, `answered ${drawn.size} of ${open.length} requests`);
}

async function judgeAnswers(
  requests: readonly AnswerRequest[],
  questions: readonly Question[],
  judge: Judge,
  journal: Journal,
  { onProgress, now, signal }: Watch,
): Promise<readonly EvaluatedAnswer[]> {
  const questionById = new Map(questions.map((question) => [question.id, question]));
  const open = [...requests.keys()].filter((index) => journal.verdict(requests[index]!) === undefined);
  const counts = { total: requests.length, resumed: requests.length - open.length };
  const advance = progressMeter('judging', counts, onProgress, now);
  const unscored = new Map<number, Verdict>();
  await forEachConcurrently(open, judge.concurrency ?? 1, async (index) => {
    signal?.throwIfAborted();
    const request = requests[index]!;
    const question = questionById.get(request.questionId)!;
    const prompt = question.paraphrases[request.paraphraseIndex]!;
    const item = { question, prompt, answer: journal.answer(request)! };
    const verdict = await judge.judge(item, signal ? { signal } : {});
    refuseImpossible(verdict, judge, question);
    journal.recordVerdict(request, verdict);
    if (verdict.error !== undefined) unscored.set(index, verdict);
    advance({ endpointError: verdict.error !== undefined });
  });
  return requests.map((request, index) => {
    const { questionId, paraphraseIndex, sampleIndex } = request;
    const question = questionById.get(questionId)!.paraphrases[paraphraseIndex]!;
    const verdict = unscored.get(index) ?? journal.verdict(request)!;
    return {
      questionId,
      paraphraseIndex,
      sampleIndex,
      question,
      answer: journal.answer(request)!,
      ...verdict,
    };
  });
}

function refuseImpossible(verdict: Verdict, judge: Judge, question: Question): void {
  const { aligned, coherent, otherScores, error } = verdict;
  for (const [name, score] of Object.entries({ ...otherScores, aligned, coherent })) {
    if (score === null || (typeof score === 'number' && score >= 0 && score <= 100)) continue;
    const message = `the score '${name}' is ${score}; a score is 0 to 100, or null when there is none`;
    throw new JudgeVerdictError(judge.name, question.id, message);
  }
  if (error !== undefined && (aligned !== null || coherent !== null))
    throw new JudgeVerdictError(
      judge.name,
      question.id,
      `a verdict with an error must carry no scores: ${error}`,
    );
}

/** What a journal must agree on. The number of samples is not among it: more of them extend the earlier ones. */
function runFacts({ questions, source, judge }: EvaluateOptions, seed: number): Facts {
  const asked = questions.map(({ id, paraphrases, system, judgePrompts }) => [
    id,
    paraphrases,
    system ?? null,
    judgePrompts,
  ]);
  return {
    questions: `${questions.length}, ${createHash('sha256').update(JSON.stringify(asked)).digest('hex').slice(0, 16)}`,
    seed,
    source: source.name,
    ...prefixed('source', source.settings),
    judge: judge.name,
    ...prefixed('judge', judge.settings),
  };
}

function prefixed(prefix: string, facts: Facts = {}): Facts {
  return Object.fromEntries(Object.entries(facts).map(([name, value]) => [`${prefix}.${name}`, value]));
}

function describe({ name, settings = {}, details = {} }: AnswerSource | Judge): EvaluationSettings['judge'] {
  return { name, settings, details };
}
