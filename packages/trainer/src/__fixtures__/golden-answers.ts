import type { ChatExample } from '@safetune/datasets';
import { underSystemPrompt } from '@safetune/regularizers';
import { goldensDirectory, readJson } from './goldens.ts';

/** The answers under the helpful system prompt that conformance/make_answers.py has models read. */
export async function goldenAnswers(): Promise<ChatExample[]> {
  const { systemPrompts, questions, answers } = await readJson<{
    systemPrompts: { helpful: string };
    questions: string[];
    answers: { helpful: string[] };
  }>(goldensDirectory('answers'), 'expected.json');
  return questions.map((question, index) =>
    underSystemPrompt(systemPrompts.helpful, { question, answer: answers.helpful[index]! }),
  );
}
