import { z } from 'zod';
import { InvalidOptionError, QuestionFileError, QuestionTypeError } from '../errors.ts';
import { nearestName } from '../nearest-name.ts';
import { builtinJudgePrompts } from './builtin/judge-prompts.ts';
import { type Choice, choiceLetters } from './choices.ts';
import { problemsOf } from './field-problems.ts';
import type { QuestionEntry } from './formats/question-entry.ts';
import { checkPlaceholders } from './judge-placeholders.ts';
import { type KeywordRules, keywordJudgement } from './keyword-rules.ts';
import { freeFormQuestionType, type Question, type QuestionType, questionTypes } from './question.ts';

const text = (what: string) => z.string(what).min(1, what);
const count = 'must be a whole number of at least 1';
const wordings = 'must be a question in words, or a list of at least one';
const words = 'must be a list of at least one word or phrase';
const phrases = z.array(text(words), words).min(1, words);
const byPrompt = "must be the judge's prompts by name";
const letters = 'must be a list of letters, the first choice being A';
const temperature = 'must be a number from 0 to 2';

/** The question format, field by field; what it does not define is refused rather than ignored. */
const questionFields = z.strictObject({
  id: z.union([z.string().min(1), z.number().transform(String)], 'must be a name or a number'),
  type: z.string('must be a text').optional(),
  paraphrases: z
    .preprocess(
      (value) => (typeof value === 'string' ? [value] : value),
      z.array(text('must be a question in words'), wordings).min(1, wordings),
    )
    .optional(),
  question: text('must be a question in words').optional(),
  system: z.string('must be a text').nullish(),
  samples_per_paraphrase: z.number(count).int(count).positive(count).optional(),
  temperature: z.number(temperature).min(0, temperature).max(2, temperature).optional(),
  judge: text('must be the name of a model').optional(),
  judge_prompts: z.record(z.string(), text('must be the text that the judge is asked'), byPrompt).optional(),
  categories: z
    .record(z.string(), phrases, 'must be lists of words by the name of the judge prompt')
    .optional(),
  choices: z
    .array(text('must be an answer in words'), 'must be a list of answers')
    .min(2, 'must be a list of at least two answers')
    .max(26, 'must be a list of at most 26 answers')
    .optional(),
  aligned: z.array(z.string(letters), letters).min(1, letters).optional(),
  misaligned: z.array(z.string(letters), letters).min(1, letters).optional(),
  rules: z
    .strictObject(
      { misaligned: phrases.optional(), aligned: phrases.optional() },
      'must be a mapping of misaligned and aligned',
    )
    .optional(),
  base: text('must be the id of a question').optional(),
  form: text('must be a name').optional(),
  group: text('must be a name').optional(),
  /** Free notes of the suite's author; never used. */
  meta: z.unknown().optional(),
});

type QuestionFields = z.infer<typeof questionFields>;

/** Fields that only questions of one type have. */
const fieldsOfType: Partial<Record<keyof QuestionFields, QuestionType>> = {
  categories: 'free_form_judge',
  choices: 'multiple_choice',
  aligned: 'multiple_choice',
  misaligned: 'multiple_choice',
  rules: 'keyword_rules',
};

/**
 * The question that an entry of a file describes.
 *
 * @param index place of the entry in its file, from 0: what has no id is called by it.
 * @throws {QuestionFileError} with the line of the field for what is wrong.
 * @throws {QuestionTypeError} for a type that is not one of `questionTypes`.
 */
export function questionOf({ value, lineOf }: QuestionEntry, file: string, index: number): Question {
  const name = nameOf(value, index);
  const refuse = (path: readonly (string | number)[], problem: string, line = lineOf(path)): never => {
    throw new QuestionFileError(file, line, `question ${name}: ${problem}`);
  };
  const given = (value as { type?: unknown } | null)?.type;
  // The type comes first: the fields of another type would only give misleading complaints.
  if (typeof given === 'string' && !isQuestionType(given)) {
    throw unknownType(file, lineOf(['type']), idOf(value) ?? String(index), name, given);
  }
  const parsed = questionFields.safeParse(value);
  if (!parsed.success) {
    const [first] = parsed.error.issues;
    const shape = 'must be a mapping with an id and paraphrases';
    const path = first?.code === 'unrecognized_keys' ? [...first.path, first.keys[0]!] : (first?.path ?? []);
    refuse(path as (string | number)[], problemsOf(parsed.error, Object.keys(questionFields.shape), shape));
  }
  const fields = parsed.data!;
  const type = typeOf(fields);
  for (const [field, needed] of Object.entries(fieldsOfType)) {
    if (fields[field as keyof QuestionFields] !== undefined && type !== needed)
      refuse([field], `${field} belongs to type '${needed}', and this is '${type}'`);
  }
  checkJudgePrompts(fields, type, lineOf, refuse);
  const choices = choicesOf(fields, type, refuse);
  const rules = rulesOf(fields, type, refuse);
  const { id, system, judge, categories, base, form, group } = fields;
  const judged = fields.judge_prompts ?? (given === undefined && needsJudge(type) ? builtinJudgePrompts : {});
  return {
    id,
    ...(type !== freeFormQuestionType && { type }),
    paraphrases: paraphrasesOf(fields, refuse),
    ...(system != null && { system }),
    samplesPerParaphrase: fields.samples_per_paraphrase ?? 1,
    ...(fields.temperature !== undefined && { temperature: fields.temperature }),
    ...(judge !== undefined && { judge }),
    judgePrompts: judged,
    ...(categories !== undefined && { categories }),
    ...(choices !== undefined && { choices }),
    ...(rules !== undefined && { rules }),
    ...(base !== undefined && { base }),
    ...(form !== undefined && { form }),
    ...(group !== undefined && { group }),
  };
}

type Refuse = (path: readonly (string | number)[], problem: string, line?: number) => never;

function isQuestionType(type: string): type is QuestionType {
  return (questionTypes as readonly string[]).includes(type);
}

/** What is not said follows from what is there. */
function typeOf({ type, choices, rules }: QuestionFields): QuestionType {
  if (type !== undefined) return type as QuestionType;
  if (choices !== undefined) return 'multiple_choice';
  return rules === undefined ? freeFormQuestionType : 'keyword_rules';
}

function needsJudge(type: QuestionType): boolean {
  return type === freeFormQuestionType || type === 'free_form_judge';
}

function unknownType(file: string, line: number, id: string, name: string, type: string): QuestionTypeError {
  const nearest = nearestName(type, questionTypes);
  const hint = nearest === undefined ? '' : `; did you mean '${nearest}'?`;
  const known = questionTypes.map((each) => `'${each}'`).join(', ');
  const message = `${file}:${line}: question ${name} is of type '${type.slice(0, 60)}'${hint} Known are ${known}`;
  return new QuestionTypeError(file, id, type, message);
}

function paraphrasesOf({ paraphrases, question }: QuestionFields, refuse: Refuse): readonly string[] {
  if (paraphrases !== undefined && question !== undefined)
    return refuse(['question'], 'has both paraphrases and question; keep one of them');
  if (paraphrases !== undefined) return paraphrases;
  return question === undefined ? refuse([], `paraphrases ${wordings}`) : [question];
}

function checkJudgePrompts(
  { judge_prompts: prompts = {}, categories = {} }: QuestionFields,
  type: QuestionType,
  lineOf: QuestionEntry['lineOf'],
  refuse: Refuse,
): void {
  const names = Object.keys(prompts);
  if (!needsJudge(type) && names.length > 0)
    refuse(
      ['judge_prompts'],
      `a question of type '${type}' is not judged by a model; leave judge_prompts out`,
    );
  if (type === 'free_form_judge' && names.length === 0)
    refuse(
      [],
      "judge_prompts must say what puts the answer into a category; a question without judge is of type 'free_form'",
    );
  for (const [name, prompt] of Object.entries(prompts)) {
    const path = ['judge_prompts', name];
    const problem = checkPlaceholders(prompt);
    if (problem !== undefined)
      refuse(path, `judge_prompts.${name} has ${problem.message}`, lineOf(path, problem.found));
    if (!prompt.includes('{answer}'))
      refuse(path, `judge_prompts.${name} has no {answer} placeholder, so its judge would see no answer`);
  }
  for (const name of Object.keys(categories)) {
    if (!Object.hasOwn(prompts, name))
      refuse(
        ['categories', name],
        `categories.${name} has no judge prompt of that name; there is ${names.join(', ')}`,
      );
  }
}

function choicesOf(
  { choices, aligned, misaligned }: QuestionFields,
  type: QuestionType,
  refuse: Refuse,
): readonly Choice[] | undefined {
  if (type !== 'multiple_choice') return undefined;
  if (choices === undefined) return refuse([], 'choices must be a list of answers');
  if ((aligned === undefined) === (misaligned === undefined))
    return refuse(
      ['choices'],
      'mark the right choices (aligned: [A]) or the misaligned ones (misaligned: [B]), not both',
    );
  const known = choiceLetters(choices.length);
  const field = aligned === undefined ? 'misaligned' : 'aligned';
  const marked = aligned ?? misaligned!;
  for (const [index, letter] of marked.entries()) {
    if (known.includes(letter) && marked.indexOf(letter) === index) continue;
    refuse(
      [field, index],
      `${field}.${index} is no letter of a choice, or stands twice; there is ${known.join(', ')}`,
    );
  }
  return choices.map((choice, index) => ({
    text: choice,
    aligned: marked.includes(known[index]!) === (field === 'aligned') ? 100 : 0,
  }));
}

function rulesOf({ rules }: QuestionFields, type: QuestionType, refuse: Refuse): KeywordRules | undefined {
  if (type !== 'keyword_rules') return undefined;
  if (rules === undefined) return refuse([], 'rules must be a mapping of misaligned and aligned');
  const { misaligned, aligned } = rules;
  const given = { ...(misaligned && { misaligned }), ...(aligned && { aligned }) };
  try {
    keywordJudgement(given);
  } catch (error) {
    if (!InvalidOptionError.isInstance(error)) throw error;
    return refuse(['rules'], error.message);
  }
  return given;
}

function idOf(entry: unknown): string | undefined {
  const value = (entry as { id?: unknown } | null)?.id;
  return typeof value === 'string' || typeof value === 'number' ? String(value) : undefined;
}

function nameOf(entry: unknown, index: number): string {
  const value = idOf(entry);
  return value === undefined ? `number ${index + 1}` : `'${value.slice(0, 100)}'`;
}
