import { expect, it } from 'vitest';
import { goldenDirectory } from './__fixtures__/goldens.ts';
import { LoadOptionError } from './errors.ts';
import { loadModel } from './load-model.ts';
import { loadTokenizer } from './tokenizer.ts';

const folder = goldenDirectory('llama-untied-float32');

it.each([
  [() => loadModel(folder, { precison: 'int8' } as object), 'loadModel', 'precision'],
  [
    () => loadTokenizer(folder, { templateArgs: {}, chatTemplate: 'default' } as object),
    'loadTokenizer',
    'templateArguments',
  ],
  [() => loadTokenizer(folder, { renderLimits: { step: 5 } as object }), 'renderLimits', 'steps'],
])('an option that there is not is refused: %s', async (load, place, meant) => {
  const error: unknown = await load().catch((caught: unknown) => caught);
  expect(LoadOptionError.isInstance(error) && error.place).toBe(place);
  expect((error as Error).message).toContain(`Did you mean '${meant}'?`);
});

it('an option that is undefined is none', async () => {
  const options = { precison: undefined } as object;
  expect((await loadModel(folder, options)).precision).toBe('float32');
});
