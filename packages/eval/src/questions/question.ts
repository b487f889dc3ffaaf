import { InvalidOptionError } from '../errors.ts';

/** One turn of a conversation, as chat templates and chat endpoints take it. */
export interface ChatMessage {
  readonly role: 'system' | 'user' | 'assistant';
  readonly content: string;
}

/** The one question type there is: a free answer, scored 0 to 100 by a judge for each of the judge prompts. */
export const freeFormQuestionType = 'free_form_judge_0_100';

/**
 * A question of an evaluation suite.
 *
 * Build one in code with {@link defineQuestion}, or read a suite with `loadQuestions`.
 */
export interface Question {
  /** Unique within its suite. */
  readonly id: string;
  /** Wordings of the same question; at least one. Each is asked on its own. */
  readonly paraphrases: readonly string[];
  /** System message, when the question has one. */
  readonly system?: string;
  /** Answers drawn for each paraphrase, unless the evaluation says otherwise. */
  readonly samplesPerParaphrase: number;
  /** The judge model named by the suite's author, for instance 'gpt-4o-mini-2024-07-18'. */
  readonly judge?: string;
  /**
   * What a language model judge is asked, by the name of the score ('aligned', 'coherent'); may hold the placeholders
   * `{question}`, `{answer}` and `{reasoning}`. Empty when only rule judges are used.
   */
  readonly judgePrompts: Readonly<Record<string, string>>;
  /**
   * The question of which this is one form: intervals take the forms of one question together, since their answers
   * resemble each other. Default: see {@link baseQuestionOf}.
   */
  readonly base?: string;
  /** How it is asked: 'plain', 'json', 'template' or a name of one's own. Default: see {@link formOf}. */
  readonly form?: string;
  /** Which rates it belongs to: 'general' (the default), 'domain', 'conditional' or a name of one's own. */
  readonly group?: string;
  /** Temperature of its answers; default the source's. */
  readonly temperature?: number;
}

const formEndings: readonly string[] = ['json', 'template'];

/** The ending by which the published suites tell the forms of a question: `wish`, `wish_json`, `wish_template`. */
function splitId(id: string): { readonly base: string; readonly form: string } {
  const form = formEndings.find((ending) => id.endsWith(`_${ending}`));
  return form === undefined ? { base: id, form: 'plain' } : { base: id.slice(0, -form.length - 1), form };
}

/** The base question: as the question says, else its id without the ending `_json` or `_template`. */
export function baseQuestionOf({ id, base }: Pick<Question, 'id' | 'base'>): string {
  return base ?? splitId(id).base;
}

/** The form: as the question says, else 'json' or 'template' by the ending of its id, else 'plain'. */
export function formOf({ id, form }: Pick<Question, 'id' | 'form'>): string {
  return form ?? splitId(id).form;
}

/** What {@link defineQuestion} takes: a {@link Question} of which only `id` and `paraphrases` must be given. */
export type QuestionDefinition = Pick<Question, 'id' | 'paraphrases'> & Partial<Question>;

/**
 * Completes a question written in code: one sample per paraphrase and no judge prompts by default.
 *
 * @throws {InvalidOptionError} when the id is empty or there is no paraphrase.
 */
export function defineQuestion(definition: QuestionDefinition): Question {
  if (definition.id === '') throw new InvalidOptionError('id', 'a question needs an id that is not empty');
  if (definition.paraphrases.length === 0)
    throw new InvalidOptionError('paraphrases', `question '${definition.id}' needs at least one paraphrase`);
  return { samplesPerParaphrase: 1, judgePrompts: {}, ...definition };
}

/** The conversation that asks one paraphrase of a question: the system message, when there is one, and the user's turn. */
export function questionMessages(question: Question, paraphraseIndex: number): readonly ChatMessage[] {
  const content = question.paraphrases[paraphraseIndex];
  if (content === undefined) {
    const message = `question '${question.id}' has ${question.paraphrases.length} paraphrases, not one at ${paraphraseIndex}`;
    throw new InvalidOptionError('paraphraseIndex', message);
  }
  const user: ChatMessage = { role: 'user', content };
  return question.system === undefined ? [user] : [{ role: 'system', content: question.system }, user];
}
