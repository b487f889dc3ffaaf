import { unscoredReason } from '../../metrics/answer-statistics.ts';
import type { Thresholds } from '../../metrics/thresholds.ts';
import type { EvaluatedAnswer } from '../../run/evaluation-result.ts';
import { type AnswerVerdict, isUnscored, verdictsOf } from '../answer-verdicts.ts';
import type { NamedRun } from '../named-run.ts';
import { wellFormedJson } from '../well-formed-json.ts';

/** An answer as the page's program reads it; what is not there is left out. */
export interface PageAnswer {
  readonly text: string | null;
  readonly aligned: number | null;
  readonly coherent: number | null;
  readonly verdicts: readonly AnswerVerdict[];
  readonly others?: Readonly<Record<string, number | null>>;
  readonly label?: string;
  readonly categories?: Readonly<Record<string, string>>;
  readonly finish?: string;
  /** Prompt and completion. */
  readonly tokens?: readonly [number, number];
  /** Why there is no answer, or no score. */
  readonly reason?: string;
  readonly said?: Readonly<
    Record<string, { readonly text: string; readonly tops?: readonly (readonly [string, number])[] }>
  >;
  readonly judges?: Readonly<Record<string, Pick<PageAnswer, 'aligned' | 'coherent' | 'label'>>>;
}

/** A wording of a question. */
export interface PageQuestion {
  readonly id: string;
  readonly base: string;
  readonly form: string;
  readonly group: string;
  readonly paraphrase: number;
  /** Of this question. */
  readonly paraphrases: number;
  readonly system?: string;
  readonly text: string;
}

/** The answers of all runs to one sample of one wording. */
export interface PageItem {
  /** Place among the questions. */
  readonly question: number;
  readonly sample: number;
  readonly seed: number;
  /** By run; null where it has none. */
  readonly answers: readonly (PageAnswer | null)[];
}

/** What a page with answers holds as JSON. */
export interface PageData {
  readonly runs: readonly string[];
  /** How many groups of questions there are. */
  readonly groups: number;
  readonly questions: readonly PageQuestion[];
  readonly items: readonly PageItem[];
}

/** The answers of one run, or of several side by side, in the order in which they were asked. */
export function pageData(runs: readonly NamedRun[]): PageData {
  const questions = new Map<string, { readonly place: number; readonly question: PageQuestion }>();
  const items = new Map<string, { question: number; row: EvaluatedAnswer; answers: (PageAnswer | null)[] }>();
  const paraphrases = new Map<string, Set<number>>();
  for (const { result } of runs) {
    for (const { questionId, paraphraseIndex } of result.rows)
      paraphrases.set(questionId, (paraphrases.get(questionId) ?? new Set()).add(paraphraseIndex));
  }
  for (const [run, { result }] of runs.entries()) {
    for (const row of result.rows) {
      const wording = JSON.stringify([row.questionId, row.paraphraseIndex]);
      if (!questions.has(wording)) {
        const question = questionOf(row, paraphrases.get(row.questionId)!.size);
        questions.set(wording, { place: questions.size, question });
      }
      const key = JSON.stringify([row.questionId, row.paraphraseIndex, row.sampleIndex]);
      const { place } = questions.get(wording)!;
      const item = items.get(key) ?? { question: place, row, answers: runs.map(() => null) };
      item.answers[run] = answerOf(row, result.settings.thresholds);
      items.set(key, item);
    }
  }
  return {
    runs: runs.map(({ name }) => name),
    groups: new Set([...questions.values()].map(({ question }) => question.group)).size,
    questions: [...questions.values()].map(({ question }) => question),
    items: [...items.values()].map(({ question, row, answers }) => ({
      question,
      sample: row.sampleIndex,
      seed: row.seed,
      answers,
    })),
  };
}

/** JSON that may stand in a script element: no text in it can end the element. */
export function scriptJson(data: unknown): string {
  return wellFormedJson(data).replaceAll('<', '\\u003c');
}

function questionOf(row: EvaluatedAnswer, paraphrases: number): PageQuestion {
  const { questionId, baseQuestion, form, group, paraphraseIndex, system, question } = row;
  return {
    id: questionId,
    base: baseQuestion,
    form,
    group,
    paraphrase: paraphraseIndex,
    paraphrases,
    ...(system === undefined ? {} : { system }),
    text: question,
  };
}

function answerOf(row: EvaluatedAnswer, thresholds: Thresholds): PageAnswer {
  const { answer, aligned, coherent, otherScores, label, categories, finishReason, tokens, byJudge, said } =
    row;
  const reason = reasonOf(row);
  return {
    text: answer,
    aligned: rounded(aligned),
    coherent: rounded(coherent),
    verdicts: verdictsOf(row, thresholds),
    ...(otherScores && { others: mapped(otherScores, rounded) }),
    ...(label === undefined ? {} : { label }),
    ...(categories && { categories }),
    ...(finishReason === undefined ? {} : { finish: finishReason }),
    ...(tokens && { tokens: [tokens.prompt, tokens.completion] as const }),
    ...(reason === undefined ? {} : { reason }),
    ...(said && {
      said: mapped(said, ({ text, tops }) => ({
        text,
        ...(tops && {
          tops: tops.map(({ token, logprob }) => [token, rounded(Math.exp(logprob), 4)] as const),
        }),
      })),
    }),
    ...(byJudge && {
      judges: mapped(byJudge, (verdict) => ({
        aligned: rounded(verdict.aligned),
        coherent: rounded(verdict.coherent),
        ...(verdict.label === undefined ? {} : { label: verdict.label }),
      })),
    }),
  };
}

/** Why an answer is missing, or has no score; undefined for one that has all. */
function reasonOf(row: EvaluatedAnswer): string | undefined {
  if (row.answer === null)
    return row.missing === undefined ? 'missing' : `missing (${row.missing.reason}): ${row.missing.message}`;
  if (!isUnscored(row)) return undefined;
  const reason = unscoredReason(row);
  return row.error === undefined ? `unscored: ${reason}` : `unscored (${reason}): ${row.error}`;
}

function rounded<Score extends number | null>(score: Score, digits = 2): Score {
  return (score === null ? null : Number(score.toFixed(digits))) as Score;
}

function mapped<Value, Result>(record: Readonly<Record<string, Value>>, map: (value: Value) => Result) {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [name, map(value)]));
}
