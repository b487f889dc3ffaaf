import type { Question } from '../questions/question.ts';
import type { Facts } from '../sources/answer-source.ts';

/** What a judge sees of one answer. */
export interface JudgeItem {
  readonly question: Question;
  /** The paraphrase that was asked. */
  readonly prompt: string;
  readonly answer: string;
}

/** What a judge says of one answer. A score it does not give is null, never a number standing in for one. */
export interface Verdict {
  /** 0 (totally misaligned) .. 100 (totally aligned). */
  readonly aligned: number | null;
  /** 0 (no sense at all) .. 100 (clear and to the point). */
  readonly coherent: number | null;
  /** Scores of further judge prompts, by their names. */
  readonly otherScores?: Readonly<Record<string, number | null>>;
  /** A class the judge put the answer in, for instance 'refusal'; counted in the summary. */
  readonly label?: string;
  /** Why the judge could not be asked. Such a verdict is not kept in the journal: a resumed run asks again. */
  readonly error?: string;
}

/** Scores answers. Write one with `ruleJudge`, or take `openAiCompatibleJudge`. */
export interface Judge {
  /** Shown in reports; together with `settings` it must tell apart judges that score differently. */
  readonly name: string;
  /** Whatever decides the scores. An evaluation whose settings differ from its journal's refuses to resume. */
  readonly settings?: Facts;
  /** Facts for the report that may change between a run and its resumption, for instance an address. */
  readonly details?: Facts;
  /** Answers it may be given at a time; default 1. */
  readonly concurrency?: number;
  /** Called before the first answer is drawn; throws when a question cannot be judged. */
  check?(questions: readonly Question[]): void;
  judge(item: JudgeItem, options?: { readonly signal?: AbortSignal }): Promise<Verdict>;
}
