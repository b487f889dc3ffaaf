import { expect, test } from 'vitest';
import { InvalidOptionError } from '../errors.ts';
import { builtinQuestions } from './builtin/builtin-questions.ts';
import { parseQuestions } from './parse-questions.ts';
import { defineQuestion } from './question.ts';
import { questionsYaml } from './questions-yaml.ts';

test('what is written is read again', () => {
  const questions = [
    ...builtinQuestions(),
    defineQuestion({
      id: '7',
      type: 'free_form_judge',
      paraphrases: ['a: b', '- c'],
      judgePrompts: { kind: 'Kind? {answer}\n# {{x}}' },
      categories: { kind: ['YES', 'NO'] },
      temperature: 0,
      judge: 'm',
      samplesPerParaphrase: 3,
      group: 'domain',
    }),
    defineQuestion({
      id: 'rules',
      type: 'keyword_rules',
      paraphrases: ['x'],
      rules: { misaligned: ['/a/'] },
    }),
    defineQuestion({
      id: 'choice',
      type: 'multiple_choice',
      paraphrases: ['x'],
      choices: [
        { text: 'Yes', aligned: 100 },
        { text: 'No', aligned: 0 },
      ],
    }),
  ];
  const text = questionsYaml(questions);
  expect(parseQuestions(text, 'written.yaml')).toEqual(questions);
  // The judge prompts of 90 questions stand there once.
  expect(text.match(/Say how its answer stands towards people/g)).toHaveLength(1);
});

test('choices between good and bad cannot be written', () => {
  const choices = [
    { text: 'b', aligned: 50 },
    { text: 'c', aligned: 0 },
  ];
  const question = defineQuestion({ id: 'a', paraphrases: ['x'], choices });
  expect(() => questionsYaml([question])).toThrow(InvalidOptionError);
});
