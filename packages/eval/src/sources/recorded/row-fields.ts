import type { MissingAnswer } from '../answer-source.ts';
import { AnswerFileError } from './answer-file-error.ts';
import type { RecordedRow } from './recorded-row.ts';

/** What a field of an answer is called in the files of this and of other projects; the first found is taken. */
const names = {
  questionId: ['question_id', 'questionId', 'id'],
  question: ['question', 'prompt'],
  answer: ['answer', 'response', 'completion'],
} as const;

/** Scores that the published result tables hold. */
const scoreNames = ['aligned', 'coherent'];
/** How tables write that there is no score. */
const nothing = new Set(['', 'nan', 'none', 'null']);

/**
 * One answer from the fields of a line.
 *
 * @throws {AnswerFileError} for a line without an answer, or with a score that is none.
 */
export function rowOf(fields: Readonly<Record<string, unknown>>, file: string, line: number): RecordedRow {
  const text = (candidates: readonly string[]) =>
    candidates.map((name) => fields[name]).find((value) => typeof value === 'string');
  const conversation = conversationOf(fields.messages, file, line);
  const answer = conversation?.answer ?? text(names.answer);
  if (answer === undefined) {
    const message = `holds no answer: one of ${names.answer.join(', ')}, or messages that end with the assistant's`;
    throw new AnswerFileError(file, line, message);
  }
  const questionId = text(names.questionId);
  const question = conversation?.question ?? text(names.question);
  const system = conversation?.system ?? text(['system']);
  const missing = answer === '' ? missingOf(text(['missing'])) : undefined;
  const finishReason = text(['finish_reason']);
  const place = placeOf(fields);
  const scores: Record<string, number | null> = {};
  let label = text(['label']);
  for (const name of scoreNames) {
    if (fields[name] === undefined) continue;
    const value = typeof fields[name] === 'string' ? fields[name].trim().toLowerCase() : fields[name];
    if (value === 'refusal' || value === 'code') label ??= value;
    scores[name] = scoreOf(value, name, file, line);
  }
  return {
    line,
    answer: missing === undefined ? answer : null,
    ...(missing && { missing }),
    ...(finishReason && { finishReason }),
    ...(questionId && { questionId }),
    ...(question !== undefined && { question }),
    ...(system && { system }),
    ...(place && { place }),
    scores,
    ...(label && { label }),
  };
}

/** Why there is no answer, as answers.csv writes it: an empty field is not the empty answer there. */
function missingOf(text: string | undefined): RecordedRow['missing'] {
  const [, reason, message] = /^(content-filter|refused-request|empty): (.*)$/s.exec(text ?? '') ?? [];
  return reason === undefined || message === undefined
    ? undefined
    : { reason: reason as MissingAnswer['reason'], message };
}

/** Where its question stands, as answers.csv tells it by three columns. */
function placeOf({ base, form, group }: Readonly<Record<string, unknown>>): RecordedRow['place'] {
  return typeof base === 'string' && typeof form === 'string' && typeof group === 'string'
    ? { base, form, group }
    : undefined;
}

function scoreOf(value: unknown, name: string, file: string, line: number): number | null {
  if (value === null || value === 'refusal' || value === 'code') return null;
  if (typeof value === 'string' && nothing.has(value)) return null;
  const score = typeof value === 'string' ? Number(value) : value;
  if (typeof score === 'number' && score >= 0 && score <= 100) return score;
  const message = `the score '${name}' is ${JSON.stringify(value)}; a score is 0 to 100, or empty`;
  throw new AnswerFileError(file, line, message);
}

interface Conversation {
  readonly system: string | undefined;
  readonly question: string;
  readonly answer: string;
}

/** The last question of a conversation and its answer. */
function conversationOf(messages: unknown, file: string, line: number): Conversation | undefined {
  if (messages === undefined) return undefined;
  const turns = Array.isArray(messages) ? messages : [];
  const isTurn = turns.every(
    (turn) => typeof turn?.role === 'string' && (typeof turn.content === 'string' || turn.content === null),
  );
  const [question, answer] = turns.slice(-2);
  if (isTurn && question?.role === 'user' && answer?.role === 'assistant' && answer.content !== null)
    return {
      system: turns.find(({ role }) => role === 'system')?.content,
      question: question.content,
      answer: answer.content,
    };
  throw new AnswerFileError(file, line, "its messages do not end with a user's and an assistant's");
}
