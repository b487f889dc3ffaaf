import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { hostArray, writeSafetensors } from '@safetune/tensor';
import { describe, expect, it } from 'vitest';
import { checkpointCopies, goldenDirectory, goldenNames, goldenTensors } from './__fixtures__/goldens.ts';
import { checkModel } from './check-model.ts';
import { ChatRenderError, ModelFileError, UnusableModelError } from './errors.ts';

const copy = checkpointCopies();

async function failure(directory: string): Promise<UnusableModelError> {
  const error = await checkModel(directory).catch((thrown: unknown) => thrown);
  if (!UnusableModelError.isInstance(error)) throw new Error(`not refused as unusable, but ${String(error)}`);
  expect(error.model).toBe(directory);
  return error;
}

describe('checkModel', () => {
  it.each(goldenNames)('finds nothing at %s', async (name) => {
    await expect(checkModel(goldenDirectory(name))).resolves.toBeUndefined();
  });

  it('says what loading would say, with the file', async () => {
    const directory = await copy('llama-untied-float32');
    await rm(join(directory, 'tokenizer.json'));
    const { cause, message } = await failure(directory);
    expect(ModelFileError.isInstance(cause) && cause.file).toBe(join(directory, 'tokenizer.json'));
    expect(message).toBe((cause as Error).message);
  });

  it.each([
    ['takes no conversation', '{{ raise_exception("nobody may speak") }}', 'nobody may speak'],
    ['is no Jinja', '{% for %}', 'chat template'],
  ])('finds a chat template that %s', async (_name, template, reason) => {
    const directory = await copy('llama-untied-float32');
    const file = join(directory, 'tokenizer_config.json');
    const content = JSON.parse(await readFile(file, 'utf8')) as object;
    await writeFile(file, JSON.stringify({ ...content, chat_template: template }));
    const { cause, message } = await failure(directory);
    expect(ChatRenderError.isInstance(cause)).toBe(true);
    expect(message).toContain(reason);
  });

  it('finds a tokenizer that has more tokens than the model', async () => {
    const directory = await copy('llama-untied-float32', { config: { vocab_size: 300 } });
    const tensors = await goldenTensors('llama-untied-float32', 'model.safetensors');
    for (const name of ['model.embed_tokens.weight', 'lm_head.weight']) {
      const data = (tensors[name]!.data as Float32Array).slice(0, 300 * 32);
      tensors[name] = hostArray(data, [300, 32]);
    }
    await writeSafetensors(join(directory, 'model.safetensors'), tensors);
    expect((await failure(directory)).message).toContain("the tokenizer is another model's");
  });
});
