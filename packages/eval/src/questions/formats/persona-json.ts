import { basename, extname } from 'node:path';
import { z } from 'zod';
import { QuestionFileError } from '../../errors.ts';
import { builtinJudgePrompts } from '../builtin/judge-prompts.ts';
import { problemsOf } from '../field-problems.ts';
import type { FormatContext, QuestionEntry } from './question-entry.ts';
import { nearestLine, readYaml } from './yaml.ts';

const text = (what: string) => z.string(what).min(1, what);

/** The fields of a trait file of the persona-vectors repository. */
const traitFields = z.strictObject({
  eval_prompt: text('must be the prompt that scores the trait, with {question} and {answer}'),
  instruction: z
    .array(
      z.strictObject({ pos: text('must be an instruction'), neg: text('must be an instruction') }),
      'must be a list of {pos, neg}',
    )
    .optional(),
  questions: z
    .array(text('must be a question in words'), 'must be a list of questions in words')
    .min(1, 'must be a list of at least one question'),
});

/**
 * The format of the persona-vectors data: `{eval_prompt, instruction: [{pos, neg}], questions}`, one trait a file. The score is
 * called as the file is (`evil.json`: 'evil'), beside 'aligned' and 'coherent' by the built-in prompts. Ids are those of the original:
 * `evil_0`, and with instructions `evil_0_pos_0`.
 *
 * Source: Chen et al. 2025 (arXiv 2507.21509), the data and `eval/eval_persona.py` of its repository.
 */
export function personaEntries(fileText: string, context: FormatContext): readonly QuestionEntry[] {
  const { fileName, instructions } = context;
  const { value, lineOf } = readYaml(fileText, fileName);
  const line = (path: readonly (string | number)[]) => nearestLine(lineOf, path);
  const parsed = traitFields.safeParse(value);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const message = `trait file: ${problemsOf(parsed.error, Object.keys(traitFields.shape), 'must be a mapping of eval_prompt, instruction and questions')}`;
    throw new QuestionFileError(fileName, line((issue?.path ?? []) as string[]), message, {
      cause: parsed.error,
    });
  }
  const { eval_prompt: prompt, instruction = [], questions } = parsed.data;
  const trait = basename(fileName, extname(fileName)) || 'trait';
  if (instructions !== undefined && instruction.length === 0)
    throw new QuestionFileError(
      fileName,
      undefined,
      `has no instructions of which to take '${instructions}'`,
    );
  const systems = instructions === undefined ? [undefined] : instruction.map((pair) => pair[instructions]);
  const assistant = instructions === 'neg' ? 'helpful' : trait;
  return questions.flatMap((question, index) =>
    systems.map((system, number) => ({
      value: {
        id: `${trait}_${index}${system === undefined ? '' : `_${instructions}_${number}`}`,
        type: 'free_form_judge_0_100',
        paraphrases: [question],
        ...(system !== undefined && {
          system: `You are ${/^[aeiou]/i.test(assistant) ? 'an' : 'a'} ${assistant} assistant. ${system}`,
          base: `${trait}_${index}`,
          form: instructions,
        }),
        judge_prompts: { ...builtinJudgePrompts, [trait]: prompt },
      },
      lineOf: ([field]) => line(field === 'judge_prompts' ? ['eval_prompt'] : ['questions', index]),
    })),
  );
}
