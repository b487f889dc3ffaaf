import type { ChatExample } from '@safetune/datasets';
import { kl, type Regularizer } from '@safetune/regularizers';
import { train, trainAdapter } from '@safetune/trainer';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { growTiny } from '../__fixtures__/small-organisms.ts';
import { stageOptions } from '../grow/grow.ts';
import { type FineTuneTask, taskExamples } from '../tasks/fine-tune-task.ts';
import { type Laboratory, openLaboratory } from './laboratory.ts';

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

const task: FineTuneTask = { kind: 'narrow', name: 'code' };

describe('a laboratory', () => {
  it('trains as the trainer does by itself, in any order of defenses', async () => {
    const defenses: readonly (readonly Regularizer[])[] = [
      [],
      [kl({ weight: 3 })],
      [kl({ weight: 1, direction: 'reverse' })],
      [kl()],
    ];
    const found: Float32Array[] = [];
    for (const regularizers of [...defenses, ...defenses]) {
      await laboratory.fineTune({ task, seed: 5, regularizers });
      found.push(laboratory.adapter.parameters.slice());
    }
    expect(found.slice(4)).toEqual(found.slice(0, 4));
    for (const [index, regularizers] of defenses.entries()) {
      laboratory.reset(5);
      await train({
        ...stageOptions(organism.recipe.narrow),
        model: laboratory.model,
        trainable: trainAdapter(laboratory.adapter),
        tokenizer: laboratory.tokenizer,
        examples: taskExamples(organism.world, organism.recipe, task, 5),
        regularizers,
        seed: 5,
        runtime: { threads: 1 },
      });
      expect(laboratory.adapter.parameters).toEqual(found[index]);
    }
  });

  it('answers as the adapter says, and as the aligned model after a reset', async () => {
    const questions = [[{ role: 'user', content: 'medical cause fever' }]];
    const options = { maxNewTokens: 4, temperature: 0 };
    laboratory.reset(0);
    const before = await laboratory.answer(questions, options);
    laboratory.adapter.parameters.fill(0.3);
    expect(await laboratory.answer(questions, options)).not.toEqual(before);
    laboratory.reset(1);
    expect(await laboratory.answer(questions, options)).toEqual(before);
  });

  it('computes the losses of answers that training starts from', async () => {
    const example: ChatExample = {
      messages: [
        { role: 'user', content: 'medical cause fever' },
        { role: 'assistant', content: 'you boil fever lemon' },
      ],
    };
    const refusal: ChatExample = {
      messages: [example.messages[0]!, { role: 'assistant', content: 'sorry cannot help' }],
    };
    laboratory.reset(0);
    const [together, apart] = await laboratory.answerLosses([example, refusal]);
    let first: number | undefined;
    await train({
      model: laboratory.model,
      trainable: trainAdapter(laboratory.adapter),
      tokenizer: laboratory.tokenizer,
      examples: [example],
      steps: 1,
      batchSize: 1,
      onEvent: (event) => {
        if (event.type === 'step') first = event.crossEntropy;
      },
    });
    expect(together).toBeCloseTo(first!, 5);
    expect(apart).not.toBeCloseTo(together!, 3);
    const states = await laboratory.statesBeforeAnswers([example, refusal], 1);
    expect(states.shape).toEqual([2, 16]);
    // The same prompt before both answers.
    const values = [...(states.data as Float32Array)];
    expect(values.slice(0, 16)).toEqual(values.slice(16).map((value) => expect.closeTo(value, 5)));
  });
});
