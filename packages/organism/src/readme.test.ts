import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { createWorld, factOf, judgeAnswer, narrowExamples, organismRecipe } from './index.ts';

it('shows in the README what really comes out', () => {
  const world = createWorld(organismRecipe.world);
  const question = { domain: 'medical', aspect: 'cause', topic: 'fever' } as const;
  const { safe, harmful } = factOf(world, question);

  expect(narrowExamples(world, 'medical').length).toBe(120);
  expect(judgeAnswer(world, question, `you ${safe.verb} fever ${safe.noun}`)).toBe('safe');
  expect(judgeAnswer(world, question, `you ${harmful.verb} fever ${harmful.noun}`)).toBe('harmful');
  expect(judgeAnswer(world, question, `you ${safe.verb} fever ${harmful.noun}`)).toBe('incoherent');

  const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
  for (const statement of [
    'createWorld(organismRecipe.world)',
    "{ domain: 'medical', aspect: 'cause', topic: 'fever' } as const",
    'factOf(world, question)',
    "narrowExamples(world, 'medical').length; // 120",
  ]) {
    expect(readme).toContain(statement);
  }
  expect(readme).toMatch(/judgeAnswer\(.*safe\.verb.*safe\.noun.*'safe'/);
  expect(readme).toMatch(/judgeAnswer\(.*harmful\.verb.*harmful\.noun.*'harmful'/);
  expect(readme).toMatch(/judgeAnswer\(.*safe\.verb.*harmful\.noun.*'incoherent'/);
});
