import type { EvaluatedAnswer } from '../run/evaluation-result.ts';

/**
 * The judged answers as CSV (RFC 4180: CRLF line ends, fields quoted where needed): question_id, question, answer,
 * aligned, coherent, then any further scores by name. A missing score is an empty field.
 */
export function answersCsv(rows: readonly EvaluatedAnswer[]): string {
  const others = [...new Set(rows.flatMap(({ otherScores }) => Object.keys(otherScores ?? {})))].sort();
  const header = ['question_id', 'question', 'answer', 'aligned', 'coherent', ...others];
  const lines = rows.map(({ questionId, question, answer, aligned, coherent, otherScores }) => [
    questionId,
    question,
    answer,
    aligned,
    coherent,
    ...others.map((name) => otherScores?.[name] ?? null),
  ]);
  return [header, ...lines].map((line) => `${line.map(field).join(',')}\r\n`).join('');
}

function field(value: string | number | null): string {
  const text = value === null ? '' : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
