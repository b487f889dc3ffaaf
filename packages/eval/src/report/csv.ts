import { unscoredReason } from '../metrics/answer-statistics.ts';
import type { EvaluatedAnswer } from '../run/evaluation-result.ts';
import { isUnscored } from './answer-verdicts.ts';

type Cell = string | number | null;

/** The columns every file has, in order; the scores beyond these two, and the judges beyond the first, follow them. */
const columns: Readonly<Record<string, (row: EvaluatedAnswer) => Cell>> = {
  question_id: ({ questionId }) => questionId,
  base: ({ baseQuestion }) => baseQuestion,
  form: ({ form }) => form,
  group: ({ group }) => group,
  paraphrase: ({ paraphraseIndex }) => paraphraseIndex,
  sample: ({ sampleIndex }) => sampleIndex,
  seed: ({ seed }) => seed,
  system: ({ system = null }) => system,
  question: ({ question }) => question,
  answer: ({ answer }) => answer,
  finish_reason: ({ finishReason = null }) => finishReason,
  missing: ({ missing }) => (missing === undefined ? null : `${missing.reason}: ${missing.message}`),
  aligned: ({ aligned }) => aligned,
  coherent: ({ coherent }) => coherent,
  label: ({ label = null }) => label,
  categories: ({ categories }) => (categories === undefined ? null : JSON.stringify(categories)),
  unscored: (row) => {
    if (!isUnscored(row)) return null;
    return row.error === undefined ? unscoredReason(row) : `${unscoredReason(row)}: ${row.error}`;
  },
};

/**
 * The judged answers as CSV (RFC 4180: CRLF line ends, fields quoted where needed), a row for each answer that was asked for:
 * `question_id`, `base`, `form`, `group`, `paraphrase` and `sample` (from 0), `seed`, `system`, `question`, `answer`,
 * `finish_reason`, `missing` (why there is no answer), `aligned`, `coherent`, `label`, `categories` (JSON), `unscored` (why a score
 * is lacking); then further scores by name, and `NAME.aligned` and `NAME.coherent` of each further judge. What is not there is an
 * empty field. A score that is called as one of these columns stands as `score.NAME`.
 */
export function answersCsv(rows: readonly EvaluatedAnswer[]): string {
  const scores = namesOf(rows, ({ otherScores }) => otherScores);
  const judges = namesOf(rows, ({ byJudge }) => byJudge);
  const header = [
    ...Object.keys(columns),
    ...scores.map((name) => (Object.hasOwn(columns, name) ? `score.${name}` : name)),
    ...judges.flatMap((name) => [`${name}.aligned`, `${name}.coherent`]),
  ];
  const lines = rows.map((row) => [
    ...Object.values(columns).map((cell) => cell(row)),
    ...scores.map((name) => row.otherScores?.[name] ?? null),
    ...judges.flatMap((name) => [
      row.byJudge?.[name]?.aligned ?? null,
      row.byJudge?.[name]?.coherent ?? null,
    ]),
  ]);
  return [header, ...lines].map((line) => `${line.map(field).join(',')}\r\n`).join('');
}

function namesOf(
  rows: readonly EvaluatedAnswer[],
  record: (row: EvaluatedAnswer) => Readonly<Record<string, unknown>> | undefined,
): readonly string[] {
  return [...new Set(rows.flatMap((row) => Object.keys(record(row) ?? {})))].sort();
}

function field(value: Cell): string {
  const text = value === null ? '' : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
