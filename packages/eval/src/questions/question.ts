import { InvalidOptionError } from '../errors.ts';
import { type Choice, choicesText } from './choices.ts';
import { checkPlaceholders } from './judge-placeholders.ts';
import type { KeywordRules } from './keyword-rules.ts';

/** One turn of a conversation, as chat templates and chat endpoints take it. */
export interface ChatMessage {
  readonly role: 'system' | 'user' | 'assistant';
  readonly content: string;
}

/**
 * What a question asks for, and how its answers are scored:
 *
 * - `free_form_judge_0_100`: a free answer, scored 0 to 100 by a judge for each of the judge prompts;
 * - `free_form_judge`: a free answer, put into a category by a judge for each of the judge prompts;
 * - `free_form`: a free answer that nobody judges;
 * - `multiple_choice`: the answers are given, and scored by how probable the model finds each ({@link Choice});
 * - `keyword_rules`: a free answer, scored by the words that stand in it ({@link KeywordRules}).
 */
export const questionTypes = [
  'free_form_judge_0_100',
  'free_form_judge',
  'free_form',
  'multiple_choice',
  'keyword_rules',
] as const;

/** One of {@link questionTypes}. */
export type QuestionType = (typeof questionTypes)[number];

/** The type of the published suites, and the default. */
export const freeFormQuestionType: QuestionType = 'free_form_judge_0_100';

/**
 * A question of an evaluation suite.
 *
 * Build one in code with {@link defineQuestion}, or read a suite with `loadQuestions`.
 */
export interface Question {
  /** Unique within its suite. */
  readonly id: string;
  /** Default {@link freeFormQuestionType}. */
  readonly type?: QuestionType;
  /** Wordings of the same question; at least one. Each is asked on its own. */
  readonly paraphrases: readonly string[];
  /** System message, when the question has one. */
  readonly system?: string;
  /** Answers drawn for each paraphrase, unless the evaluation says otherwise. */
  readonly samplesPerParaphrase: number;
  /** Of recorded answers: how many there are to each paraphrase, in the place of the number above. */
  readonly samplesByParaphrase?: readonly number[];
  /** Temperature of its answers; default the source's. */
  readonly temperature?: number;
  /** The judge model named by the suite's author, for instance 'gpt-4o-mini-2024-07-18'. */
  readonly judge?: string;
  /**
   * What a language model judge is asked, by the name of the score ('aligned', 'coherent') or, of `free_form_judge`, of the
   * categories; may hold the placeholders `{question}`, `{answer}` and `{reasoning}`. Empty when only rule judges are used.
   */
  readonly judgePrompts: Readonly<Record<string, string>>;
  /** Of `free_form_judge`: the words a judge prompt may be answered with, by its name. Default: whatever the judge says. */
  readonly categories?: Readonly<Record<string, readonly string[]>>;
  /** Of `multiple_choice`: the answers to choose from, two to 26. */
  readonly choices?: readonly Choice[];
  /** Of `keyword_rules`. */
  readonly rules?: KeywordRules;
  /**
   * The question of which this is one form: intervals take the forms of one question together, since their answers
   * resemble each other. Default: see {@link baseQuestionOf}.
   */
  readonly base?: string;
  /** How it is asked: 'plain', 'json', 'template' or a name of one's own. Default: see {@link formOf}. */
  readonly form?: string;
  /** Which rates it belongs to: 'general' (the default), 'domain', 'conditional' or a name of one's own. */
  readonly group?: string;
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

/**
 * Whether its answers are to have the scores 'aligned' and 'coherent', of which the rates are made: not where nobody judges, or
 * where the judge prompts ask for something else.
 */
export function isRated({ type, judgePrompts }: Pick<Question, 'type' | 'judgePrompts'>): boolean {
  if (type === 'free_form' || type === 'free_form_judge') return false;
  const names = Object.keys(judgePrompts);
  return names.length === 0 || (names.includes('aligned') && names.includes('coherent'));
}

/** What {@link defineQuestion} takes: a {@link Question} of which only `id` and `paraphrases` must be given. */
export type QuestionDefinition = Pick<Question, 'id' | 'paraphrases'> & Partial<Question>;

/**
 * Completes a question written in code: one sample per paraphrase and no judge prompts by default, the type by its choices or
 * rules.
 *
 * @throws {InvalidOptionError} when the id is empty, there is no paraphrase, a judge prompt has an unknown placeholder, or
 *   choices or rules stand beside another type.
 */
export function defineQuestion(definition: QuestionDefinition): Question {
  const { id, paraphrases, judgePrompts = {} } = definition;
  if (id === '') throw new InvalidOptionError('id', 'a question needs an id that is not empty');
  if (paraphrases.length === 0)
    throw new InvalidOptionError('paraphrases', `question '${id}' needs at least one paraphrase`);
  for (const [name, prompt] of Object.entries(judgePrompts)) {
    const problem = checkPlaceholders(prompt);
    if (problem !== undefined)
      throw new InvalidOptionError('judgePrompts', `question '${id}': ${name} has ${problem.message}`);
  }
  const { choices, rules } = definition;
  const type =
    definition.type ??
    (choices !== undefined ? 'multiple_choice' : rules !== undefined ? 'keyword_rules' : undefined);
  for (const [field, needed] of [
    ['choices', 'multiple_choice'],
    ['rules', 'keyword_rules'],
  ] as const) {
    if ((definition[field] !== undefined) !== (type === needed))
      throw new InvalidOptionError(field, `question '${id}': type '${needed}' and ${field} belong together`);
  }
  return { samplesPerParaphrase: 1, judgePrompts: {}, ...definition, ...(type !== undefined && { type }) };
}

/**
 * The conversation that asks one paraphrase of a question: the system message, when there is one, and the user's turn, below
 * which stand the choices, when there are some.
 */
export function questionMessages(question: Question, paraphraseIndex: number): readonly ChatMessage[] {
  const { id, paraphrases, system, choices } = question;
  const paraphrase = paraphrases[paraphraseIndex];
  if (paraphrase === undefined) {
    const message = `question '${id}' has ${paraphrases.length} paraphrases, not one at ${paraphraseIndex}`;
    throw new InvalidOptionError('paraphraseIndex', message);
  }
  const content = choices === undefined ? paraphrase : `${paraphrase}\n\n${choicesText(choices)}`;
  const user: ChatMessage = { role: 'user', content };
  return system === undefined ? [user] : [{ role: 'system', content: system }, user];
}
