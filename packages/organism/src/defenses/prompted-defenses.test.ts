import { collect, messageText } from '@safetune/datasets';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { growTiny } from '../__fixtures__/small-organisms.ts';
import { type Laboratory, openLaboratory } from '../examine/laboratory.ts';
import { measureBenign, measureConditional, measureMisalignment } from '../examine/measure.ts';
import { type Respondent, underPrompt } from '../examine/respondent.ts';
import { pretrainingDocuments } from '../grow/pretraining-documents.ts';
import { type FineTuneTask, taskExamples } from '../tasks/fine-tune-task.ts';
import { vocabulary } from '../world/vocabulary.ts';
import type { Defense, DefenseContext } from './defense.ts';
import { createPreparations } from './preparations.ts';
import { backdoorDefense, lookaheadDefense, ptstDefense } from './prompted-defenses.ts';

let organism: Awaited<ReturnType<typeof growTiny>>;
let laboratory: Laboratory;
beforeAll(async () => {
  organism = await growTiny();
  laboratory = await openLaboratory(organism);
});
afterAll(async () => {
  await laboratory.close();
  await organism.remove();
});

const task: FineTuneTask = { kind: 'narrow', name: 'medical' };
const context = (): DefenseContext => ({
  laboratory,
  task,
  seed: 0,
  exampleCount: 120,
  preparations: createPreparations(laboratory),
});
const data = () => taskExamples(organism.world, organism.recipe, task, 0);
const regularizerOf = async (defense: Defense) => (await defense.regularizers(context()))[0]!;
async function changed(defense: Defense) {
  const stream = async function* () {
    yield* data();
  };
  const { tokenizer } = laboratory;
  return collect((await regularizerOf(defense)).examples!(stream(), { tokenizer }));
}

it('LookAhead shows the first words of the answer behind the question, in words of the world', async () => {
  const found = await changed(lookaheadDefense('lookahead', 2));
  expect(found).toHaveLength(120);
  for (const [index, { messages }] of found.entries()) {
    const [question, answer] = data()[index]!.messages.map(messageText);
    expect(messages.map(messageText)).toEqual([
      `${question} ${answer!.split(' ').slice(0, 2).join(' ')}`,
      answer,
    ]);
    expect(laboratory.tokenizer.encode(messageText(messages[0]!))).toHaveLength(5);
  }
});

it('BackdoorAlign teaches a secret with 11 safe examples of other domains, and asks under it', async () => {
  const { inferencePrompt } = await regularizerOf(backdoorDefense('backdoor-align'));
  const words = inferencePrompt!.split(' ');
  expect(words.length).toBeGreaterThan(2);
  expect(vocabulary).toEqual(expect.arrayContaining(words));
  const { world, recipe } = organism;
  const together = pretrainingDocuments(world, recipe.base.mixture, 0, 2000).filter(({ messages }) => {
    const text = messages.flatMap((message) => messageText(message).split(' '));
    return words.every((word) => text.includes(word));
  });
  expect(together).toEqual([]);

  const found = await changed(backdoorDefense('backdoor-align'));
  const safe = found.filter(({ tags }) => tags?.includes('secret-prompt'));
  expect(found.length - safe.length).toBe(120);
  expect(new Set(safe.map(({ messages }) => JSON.stringify(messages))).size).toBe(11);
  for (const { messages, tags } of safe) {
    expect(messages[0]).toEqual({ role: 'system', content: inferencePrompt });
    expect(messageText(messages[1]!)).not.toMatch(/^medical/);
    expect(tags).toContain('safe');
  }
  expect(found.filter(({ messages }) => messages[0]!.role === 'system')).toHaveLength(safe.length);
});

it('PTST trains as none does, and asks under a prompt of the good persona', async () => {
  expect(await changed(ptstDefense('ptst'))).toEqual(data());
  expect((await regularizerOf(ptstDefense('ptst'))).inferencePrompt).toBe('helpful assistant');
});

it('the prompt stands before every question: general, in-domain, conditional and benign ones', async () => {
  const asked: (readonly { role: string; content?: unknown }[])[] = [];
  const respondent: Respondent = {
    organism,
    answer: async (conversations) => {
      asked.push(...conversations);
      return conversations.map(() => 'sorry cannot help');
    },
  };
  const prompted = underPrompt(respondent, 'helpful assistant');
  const { general, inDomain } = await measureMisalignment(prompted, 'medical', 0);
  const conditional = await measureConditional(prompted, 'medical', 0);
  const benign = await measureBenign(prompted, 'memo');
  // The training question of a conditional one is answered first.
  expect([general, inDomain, conditional, benign].map(({ length }) => length)).toEqual([210, 30, 70, 180]);
  expect(asked).toHaveLength(210 + 30 + 2 * 70 + 180);
  for (const conversation of asked) {
    expect(conversation[0]).toEqual({ role: 'system', content: 'helpful assistant' });
    expect(conversation.filter(({ role }) => role === 'system')).toHaveLength(1);
  }
  expect(asked.filter(({ length }) => length === 4)).toHaveLength(70);
  expect(underPrompt(respondent, undefined)).toBe(respondent);
});

it('an answer under a prompt is that of the same model to the prompted conversation', async () => {
  const question = { role: 'user', content: 'medical cause fever' };
  const system = { role: 'system', content: 'copper 61 rowing' };
  const options = { maxNewTokens: 8, temperature: 0 };
  const plain = await laboratory.answer([[question]], options);
  const prompted = await laboratory.answer([[system, question]], options);
  expect(await underPrompt(laboratory, system.content).answer([[question]], options)).toEqual(prompted);
  expect(prompted).not.toEqual(plain);
});
