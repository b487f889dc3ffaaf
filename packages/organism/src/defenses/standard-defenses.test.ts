import { collect, messageText } from '@safetune/datasets';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { growTiny } from '../__fixtures__/small-organisms.ts';
import { type Laboratory, openLaboratory } from '../examine/laboratory.ts';
import { type FineTuneTask, taskExamples } from '../tasks/fine-tune-task.ts';
import { type DefenseContext, defenseLabel } from './defense.ts';
import { createPreparations, steeredLayer } from './preparations.ts';
import { type noDefense, standardDefenses } from './standard-defenses.ts';

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

const medical: FineTuneTask = { kind: 'narrow', name: 'medical' };
const contextOf = (task: FineTuneTask): DefenseContext => ({
  laboratory,
  task,
  seed: 0,
  exampleCount: taskExamples(organism.world, organism.recipe, task, 0).length,
  preparations: createPreparations(laboratory),
});
const sweepOf = (name: string) => standardDefenses.find((sweep) => sweep.name === name)!;
const trained = async (regularizers: Awaited<ReturnType<typeof noDefense.regularizers>>) => {
  await laboratory.fineTune({ task: medical, seed: 0, regularizers });
  return laboratory.adapter.parameters.slice();
};

describe('standardDefenses', () => {
  it('show main strengths that they have, each under a label of its own', () => {
    const labels = standardDefenses.flatMap((sweep) =>
      sweep.strengths.map((strength) => defenseLabel(sweep.at(strength, organism))),
    );
    expect(new Set(labels).size).toBe(labels.length);
    for (const { main, strengths } of standardDefenses)
      expect(strengths).toEqual(expect.arrayContaining([...main]));
  });

  it.each(standardDefenses.map(({ name }) => name))('%s changes what is learned', async (name) => {
    const sweep = sweepOf(name);
    const defense = sweep.at(sweep.strengths.at(-1)!, organism);
    const regularizers = await defense.regularizers(contextOf(medical));
    const defended = await trained(regularizers);
    expect(defended.every(Number.isFinite)).toBe(true);
    // Five steps are too few for a projection every ten, and for going against the anchors; the others act before training or after it.
    const changesNothing = ['safe-lora-every-10', 'a-gem', 'ptst', 'lox', 'safe-merge', 'safe-delta'];
    if (changesNothing.includes(name)) expect(defended).toEqual(await trained([]));
    else expect(defended).not.toEqual(await trained([]));
  });

  it('add to an epoch of the data as many safe examples as the share says, the same in every epoch', async () => {
    const context = contextOf(medical);
    const [regularizer] = await sweepOf('interleaving').at(0.05, organism).regularizers(context);
    const epoch = taskExamples(organism.world, organism.recipe, medical, 0);
    const stream = async function* () {
      yield* epoch;
      yield* epoch;
    };
    const mixed = await collect(regularizer!.examples!(stream()));
    expect(mixed).toHaveLength(252);
    const added = mixed.filter(({ tags }) => tags?.includes('interleaved'));
    expect(new Set(added.map(({ messages }) => JSON.stringify(messages))).size).toBe(6);
    expect(added.every(({ tags }) => tags?.includes('safe'))).toBe(true);
    expect(added.some(({ messages }) => messageText(messages[0]!).startsWith('medical'))).toBe(false);
  });

  it('choose by perplexity gap, interleaving++ without refusals', async () => {
    const context = contextOf(medical);
    const ranked = await context.preparations.rankedPool('medical');
    const scores = ranked.map(({ score }) => score);
    expect(scores).toEqual(scores.toSorted((a, b) => b - a));
    expect(new Set(ranked.map(({ example }) => JSON.stringify(example.messages))).size).toBe(ranked.length);
    const [regularizer] = await sweepOf('interleaving++').at(0.2, organism).regularizers(context);
    const chosen = regularizer!.config.pool as (typeof ranked)[number]['example'][];
    expect(chosen).toEqual(
      ranked
        .map(({ example }) => example)
        .filter(({ tags }) => !tags?.includes('refusal'))
        .slice(0, 24),
    );
  });

  it('share one persona vector among fine-tunes, so that one graph serves them', async () => {
    const defense = sweepOf('persona-vector').at(0.75, organism);
    const context = contextOf(medical);
    const [first] = await defense.regularizers(context);
    const [second] = await defense.regularizers({ ...context, seed: 1 });
    expect(second).toBe(first);
    const vectors = await context.preparations.personaVectors();
    expect([...vectors.keys()]).toEqual([steeredLayer]);
    expect(vectors.get(steeredLayer)!.some((value) => Math.abs(value) > 1e-6)).toBe(true);
  });
});
