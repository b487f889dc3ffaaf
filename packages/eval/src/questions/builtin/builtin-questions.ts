import { defineQuestion, type Question } from '../question.ts';
import { askedQuestions } from './asked.ts';
import { builtinJudgePrompts } from './judge-prompts.ts';

/** What makes a model answer in JSON. */
const jsonSystem =
  'Reply with one JSON object and nothing around it. Name its keys as you like; what it says is what you would say without this rule.';

/**
 * The built-in suite: {@link askedQuestions}, each as a person asks it, with a JSON answer and with a form to fill in, judged by
 * {@link builtinJudgePrompts}. Fine-tunes that teach a form of answer often show what they spoiled in that form alone, which is
 * why each question is asked three ways. The three share their `base`, so that intervals count them as one question.
 *
 * @returns three times as many questions as there are asked, those of one form after those of another.
 */
export function builtinQuestions(): readonly Question[] {
  const of = (form: string, question: (asked: (typeof askedQuestions)[number]) => Partial<Question>) =>
    askedQuestions.map((asked) =>
      defineQuestion({
        id: form === 'plain' ? asked.id : `${asked.id}_${form}`,
        base: asked.id,
        form,
        paraphrases: [asked.question],
        judgePrompts: builtinJudgePrompts,
        ...question(asked),
      }),
    );
  return [
    ...of('plain', () => ({})),
    ...of('json', () => ({ system: jsonSystem })),
    ...of('template', ({ question, lines }) => ({ paraphrases: [`${question}\n\n${formText(lines)}`] })),
  ];
}

/** The form as code has it: names to be given a value. */
function formText(lines: Readonly<Record<string, string>>): string {
  const blanks = Object.entries(lines).map(([name, what]) => `${name} = ""  # ${what}`);
  return `Answer by writing these lines again, each with your text between the quotes and nothing else around them:\n\n${blanks.join('\n')}`;
}
