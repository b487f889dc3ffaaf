import type { Question } from '../../questions/question.ts';
import type { RecordedRow } from './recorded-row.ts';

/** Answers of a file that belong to no question. */
export interface UnmatchedAnswers {
  /** As the file has it; undefined: it has none. */
  readonly questionId?: string;
  /** As the file has it; undefined: it has none. */
  readonly question?: string;
  readonly reason: 'unknown-question' | 'other-wording' | 'ambiguous';
  readonly answers: number;
}

/** Which answers belong to which wording of which question. */
export interface MatchedRows {
  /** By question id, then paraphrase, in the order of the file. */
  readonly matched: ReadonlyMap<string, readonly (readonly RecordedRow[])[]>;
  readonly unmatched: readonly UnmatchedAnswers[];
}

/**
 * Finds each answer's question: by its id, and then the wording by its text; without an id that is known, by the text
 * alone, and the system message where several questions have the same. An answer to other words than the question's is not
 * its answer.
 */
export function matchRows(rows: readonly RecordedRow[], questions: readonly Question[]): MatchedRows {
  const matched = new Map(
    questions.map(({ id, paraphrases }) => [id, paraphrases.map((): RecordedRow[] => [])]),
  );
  const unmatched = new Map<string, UnmatchedAnswers>();
  const byId = new Map(questions.map((question) => [question.id, question]));
  const byText = Map.groupBy(
    questions.flatMap((question) => question.paraphrases.map((text, index) => ({ question, text, index }))),
    ({ text }) => comparable(text),
  );

  function placeOf(row: RecordedRow): Place | UnmatchedAnswers['reason'] {
    const question = row.questionId === undefined ? undefined : byId.get(row.questionId);
    if (question !== undefined) {
      if (row.question === undefined)
        return question.paraphrases.length === 1 ? { id: question.id, index: 0 } : 'ambiguous';
      const text = comparable(row.question);
      const index = question.paraphrases.findIndex((paraphrase) => comparable(paraphrase) === text);
      return index === -1 ? 'other-wording' : { id: question.id, index };
    }
    const sameText = row.question === undefined ? [] : (byText.get(comparable(row.question)) ?? []);
    const sameSystem = sameText.filter(
      ({ question: { system } }) => comparable(system ?? '') === comparable(row.system ?? ''),
    );
    const [first, ...others] = sameText.length > 1 ? sameSystem : sameText;
    if (first === undefined) return sameText.length > 1 ? 'ambiguous' : 'unknown-question';
    return others.length > 0 ? 'ambiguous' : { id: first.question.id, index: first.index };
  }

  for (const row of rows) {
    const place = placeOf(row);
    if (typeof place !== 'string') {
      matched.get(place.id)![place.index]!.push(row);
      continue;
    }
    const { questionId, question } = row;
    const key = JSON.stringify([questionId, question, place]);
    const answers = (unmatched.get(key)?.answers ?? 0) + 1;
    const names = {
      ...(questionId !== undefined && { questionId }),
      ...(question !== undefined && { question }),
    };
    unmatched.set(key, { ...names, reason: place, answers });
  }
  return { matched, unmatched: [...unmatched.values()] };
}

interface Place {
  readonly id: string;
  readonly index: number;
}

/** Programs that write tables differ in line ends and in spaces around a text. */
function comparable(text: string): string {
  return text.normalize('NFC').replace(/\s+/g, ' ').trim();
}
