import { ChatExampleError, TokenOutOfVocabularyError } from '@safetune/datasets';
import { createLoraAdapter } from '@safetune/lora';
import { loadModel, loadTokenizer } from '@safetune/models';
import { kl, type Regularizer, RegularizerOptionError } from '@safetune/regularizers';
import { expect, it } from 'vitest';
import { checkpointDirectory } from '../__fixtures__/goldens.ts';
import { TrainOptionError } from '../errors.ts';
import { trainAdapter } from '../step/trainable.ts';
import { compileTrainStep } from '../whole-step/whole-step.ts';
import { train } from './train.ts';

const checkpoint = checkpointDirectory('llama-untied-float32');
const chat = (answer: object) => ({
  messages: [
    { role: 'user', content: 'question' },
    { role: 'assistant', content: 'answer', ...answer },
  ],
  origin: { file: 'chats.jsonl', line: 12 },
});

async function setUp(last: readonly number[] = []) {
  const model = await loadModel(checkpoint);
  const tokenizer = await loadTokenizer(checkpoint);
  const adapter = createLoraAdapter(model.linearLayers, { r: 2, target_modules: 'all-linear' });
  return {
    model,
    tokenizer: { ...tokenizer, encode: (text: string) => [...tokenizer.encode(text), ...last] },
    trainable: trainAdapter(adapter),
    steps: 1,
  };
}

it('refuses a token that the model does not have before anything is compiled', async () => {
  const { config } = await loadModel(checkpoint);
  const options = await setUp([config.vocabularySize]);
  const error = await train({ ...options, examples: [chat({})] }).catch((reason: unknown) => reason);
  expect(TokenOutOfVocabularyError.isInstance(error)).toBe(true);
  expect(error).toMatchObject({ tokenId: config.vocabularySize, origin: { file: 'chats.jsonl', line: 12 } });
});

it('fills rows up with a token of the model where the padding token is none', async () => {
  const { model, tokenizer, ...options } = await setUp();
  const added = { ...tokenizer, padTokenId: model.config.vocabularySize };
  const examples = [chat({}), chat({ content: 'a longer answer than that' })];
  const { last } = await train({ ...options, model, tokenizer: added, examples });
  expect(last?.loss).toBe((await train({ ...(await setUp()), examples })).last?.loss);
});

it('refuses an example with a key that asks for more', async () => {
  const options = await setUp();
  const error = await train({ ...options, examples: [chat({ function_call: { name: 'look' } })] }).catch(
    (reason: unknown) => reason,
  );
  expect(ChatExampleError.isInstance(error)).toBe(true);
  expect(String(error)).toMatch(/chats\.jsonl:12: messages\[1\]: key "function_call"/);
});

it('refuses a regularizer whose hook is misspelt, in a run and in a step', async () => {
  const options = await setUp();
  const { penalty, penaltyPerRow: _rows, ...rest } = kl();
  const regularizers = [{ ...rest, penalti: penalty } as unknown as Regularizer];
  const error = await train({ ...options, examples: [chat({})], regularizers }).catch(
    (reason: unknown) => reason,
  );
  expect(RegularizerOptionError.isInstance(error)).toBe(true);
  expect(String(error)).toMatch(/'penalti' would never be used: did you mean 'penalty'/);
  const step = async () => compileTrainStep({ ...options, regularizers });
  await expect(step()).rejects.toThrow(/'penalti' would never be used/);
});

it.each<[object, string]>([
  [{ penalty: () => {} }, 'mine: its penalty is undefined (is there a return?), must be a traced tensor'],
  [{ penaltyPerRow: () => 3 }, 'mine: its penaltyPerRow is 3, must be { values, mask }'],
  [{ hidden: async () => {} }, 'mine: what hidden gives for layer 0 is a promise (is it an async function?)'],
  [
    {
      afterStep(adapter: { parameters: Float32Array }) {
        adapter.parameters = adapter.parameters.map((value) => value / 2);
      },
    },
    'mine: afterStep assigns adapter.parameters, which training does not see',
  ],
])('names a regularizer whose hook does nothing that training could use', async (hooks, message) => {
  const regularizer = { name: 'mine', config: { type: 'mine' }, ...hooks } as Regularizer;
  const failure = train({ ...(await setUp()), examples: [chat({})], regularizers: [regularizer] });
  await expect(failure).rejects.toThrow(message);
});

it.each([
  [{ learningRate: { peak: -1 } }, 'learningRate', '-1 must be >= 0'],
  [{ learningRate: { warmupSteps: 3 } }, 'warmupSteps', '3 steps of warm-up in a run of 1'],
  [{ learningRate: { schedule: () => Number.NaN } }, 'schedule', 'gives NaN for step 0'],
  [{ optimizer: { beta1: 2 } }, 'beta1', '2 must be a number from 0 to less than 1'],
] as const)('refuses %o as an option of training', async (wrong, option, message) => {
  const options = await setUp();
  const error = await train({ ...options, examples: [chat({})], ...wrong }).catch(
    (reason: unknown) => reason,
  );
  expect(TrainOptionError.isInstance(error), String(error)).toBe(true);
  expect(error).toMatchObject({ option, message: expect.stringContaining(message) });
});
