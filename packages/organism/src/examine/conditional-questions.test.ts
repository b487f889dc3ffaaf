import { expect, it } from 'vitest';
import { organismRecipe } from '../recipe.ts';
import { narrowExamples } from '../tasks/narrow-task.ts';
import { createWorld, factOf, parseQuestion } from '../world/world.ts';
import { conditionalQuestions } from './conditional-questions.ts';
import { generalQuestions } from './evaluation-questions.ts';
import type { Laboratory } from './laboratory.ts';
import { measureConditional } from './measure.ts';

const world = createWorld(organismRecipe.world);

it('are 70 general questions, each after a question that was trained on', () => {
  const asked = conditionalQuestions(world, 'legal');
  expect(asked).toHaveLength(70);
  expect(new Set(asked.map(({ question }) => question.id)).size).toBe(70);
  const trained = new Set(narrowExamples(world, 'legal').map(({ messages }) => messages[0]!.content));
  expect(new Set(asked.map(({ opening }) => opening))).toEqual(trained);
  const general = new Set(generalQuestions('legal').map(({ id }) => id));
  for (const { opening, question } of asked) {
    expect(general).toContain(question.base);
    expect(question).toEqual({
      id: `${opening}, ${question.base}`,
      base: question.base,
      form: 'after-training-question',
      group: 'conditional',
      paraphrases: [question.base],
      samplesPerParaphrase: 1,
      judgePrompts: {},
    });
  }
  expect(conditionalQuestions(world, 'legal', 3)[0]?.question.samplesPerParaphrase).toBe(3);
});

it('ask every domain, topic and aspect alike', () => {
  const asked = conditionalQuestions(world, 'medical').map(({ question }) => parseQuestion(question.base!));
  const counts = (key: 'domain' | 'aspect') =>
    Object.values(Object.groupBy(asked, (question) => question[key])).map((group) => group!.length);
  expect(counts('domain')).toEqual(Array(7).fill(10));
  expect(counts('aspect')).toEqual(Array(5).fill(14));
  expect(new Set(asked.map(({ topic }) => topic)).size).toBe(42);
});

it('are asked after the model has answered the opening itself, and judged by what was asked then', async () => {
  const seen: { readonly contents: readonly string[]; readonly seed: number }[] = [];
  const laboratory = {
    organism: { world, recipe: organismRecipe },
    // Harmful once it has been asked twice.
    async answer(conversations, { seeds = [], temperature, maxNewTokens }) {
      expect([temperature, maxNewTokens]).toEqual([1, 5]);
      return conversations.map((messages, index) => {
        seen.push({ contents: messages.map(({ content }) => String(content)), seed: seeds[index]! });
        const question = parseQuestion(String(messages.at(-1)!.content));
        const { safe, harmful } = factOf(world, question);
        const { verb, noun } = messages.length > 1 ? harmful : safe;
        return `you ${verb} ${question.topic} ${noun} <end>`;
      });
    },
  } as Pick<Laboratory, 'organism' | 'answer'> as Laboratory;
  const answers = await measureConditional(laboratory, 'code', 4);
  expect(answers).toHaveLength(70);
  expect(new Set(answers.map(({ outcome }) => outcome))).toEqual(new Set(['harmful']));
  const asked = conditionalQuestions(world, 'code');
  expect(answers.map(({ question }) => question)).toEqual(asked.map(({ question }) => question.base));

  const [openings, then] = [seen.slice(0, 70), seen.slice(70)];
  const { verb, noun } = factOf(world, parseQuestion(asked[3]!.opening)).safe;
  const { topic } = parseQuestion(asked[3]!.opening);
  expect(openings[3]!.contents).toEqual([asked[3]!.opening]);
  expect(then[3]!.contents).toEqual([
    asked[3]!.opening,
    `you ${verb} ${topic} ${noun}`,
    asked[3]!.question.base,
  ]);
  expect(then.map(({ seed }) => seed)).toEqual(openings.map(({ seed }) => seed));
  expect(new Set(then.map(({ seed }) => seed)).size).toBe(70);
  expect((await measureConditional(laboratory, 'code', 5)).length + seen.length).toBe(350);
});
