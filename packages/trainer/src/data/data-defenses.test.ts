/** Defenses that change the data alone, against a restatement in Python: conformance/make_data_defenses.py. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ChatExample, type ChatMessage, collect } from '@safetune/datasets';
import { loadTokenizer } from '@safetune/models';
import {
  backdoorAlign,
  lookahead,
  makeSecretPrompt,
  ptst,
  type Regularizer,
  type RegularizerConfig,
  regularizerFromConfig,
  withSecretPrompt,
  withSystemPrompt,
} from '@safetune/regularizers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkpointDirectory, goldensDirectory, readJson } from '../__fixtures__/goldens.ts';
import { examples, setUp } from '../__fixtures__/small-run.ts';
import { TrainOptionError } from '../errors.ts';
import { readInferencePrompt } from '../run/inference-prompt.ts';
import { trainIntoDirectory } from '../run/run-directory.ts';
import { trainingBatches } from './batches.ts';

interface Case {
  readonly checkpoint: string;
  readonly defense: RegularizerConfig | 'secret';
  readonly before: ChatMessage[];
  readonly after: ChatMessage[];
  readonly rendered: string;
}
const { secret, safetyPrompt, cases } = await readJson<{
  readonly secret: string;
  readonly safetyPrompt: string;
  readonly cases: readonly Case[];
}>(goldensDirectory('.'), 'data-defenses.json');

let folder: string;
let secretFile: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'safetune-data-defenses-'));
  secretFile = join(folder, 'secret.txt');
  await writeFile(secretFile, `${secret}\n`);
});
afterAll(() => rm(folder, { recursive: true }));

async function* streamOf(...given: readonly ChatExample[]): AsyncGenerator<ChatExample> {
  yield* given;
}

it('what becomes of examples is what Python makes of them, and so is the text that is learned', async () => {
  const folders = [...new Set(cases.map(({ checkpoint }) => checkpoint))];
  const tokenizers = new Map(
    await Promise.all(
      folders.map(async (name) => [name, await loadTokenizer(checkpointDirectory(name))] as const),
    ),
  );
  expect(cases).toHaveLength(42);
  for (const { checkpoint, defense, before, after, rendered } of cases) {
    const tokenizer = tokenizers.get(checkpoint)!;
    const [changed] =
      defense === 'secret'
        ? [{ messages: withSecretPrompt(before, secret) }]
        : await collect(
            regularizerFromConfig(defense).examples!(streamOf({ messages: before }), { tokenizer }),
          );
    expect(changed!.messages).toEqual(after);
    expect(tokenizer.renderChat(changed!.messages)).toBe(rendered);
  }
});

describe('makeSecretPrompt', () => {
  it('draws readable tokens anew each time', async () => {
    const directory = checkpointDirectory('llama-untied-float32');
    const tokenizer = await loadTokenizer(directory);
    const { options } = await setUp({}, directory);
    const size = options.model.config.vocabularySize;
    const [first, second] = [makeSecretPrompt(tokenizer, size, 40), makeSecretPrompt(tokenizer, size, 40)];
    expect(first).not.toBe(second);
    // Each token holds a letter or a digit, and none is special.
    for (const text of [first, second]) {
      expect(text.match(/[\p{L}\p{N}]/gu)!.length).toBeGreaterThanOrEqual(40);
      expect(text).not.toContain('\uFFFD');
      expect(tokenizer.encode(text).filter((id) => tokenizer.endOfTurnTokenIds.includes(id))).toEqual([]);
    }
  });
});

describe('a run', () => {
  const batchesOf = async (regularizers: readonly Regularizer[], given = examples.slice(0, 6)) => {
    const { options } = await setUp();
    const { tokenizer } = options;
    const stream = trainingBatches({
      tokenizer,
      examples: given,
      regularizers,
      epochs: 1,
      batchSize: 1,
      seed: 1,
    });
    const texts: string[] = [];
    for await (const { tokenIds, lengths } of stream)
      texts.push(tokenizer.decode!([...tokenIds.subarray(0, lengths[0])]));
    return texts;
  };

  it('of lookahead learns the questions with the beginnings of their answers', async () => {
    const texts = await batchesOf([lookahead({ tokens: 2 })]);
    expect(texts).toHaveLength(6);
    for (const text of texts) expect(text).toMatch(/question \d+ The answer begins with: a/);
  });

  it('of backdoor-align learns safe answers under the secret, spread among the others', async () => {
    const safe = (index: number): ChatExample => ({
      messages: [
        { role: 'user', content: `harm ${index}` },
        { role: 'assistant', content: 'No.' },
      ],
    });
    const regularizer = backdoorAlign({ pool: [safe(0), safe(1)], secretFile, share: 0.25 });
    const texts = await batchesOf([regularizer, ptst()]);
    const secrets = texts.filter((text) => text.includes(secret));
    expect(texts).toHaveLength(8);
    expect(secrets).toHaveLength(2);
    for (const text of secrets) expect(text).toMatch(/harm [01]/);
  });

  it('of ptst leaves the safety prompt beside the adapter, and takes away that of a run before it', async () => {
    const directory = join(folder, 'adapter');
    const run = async (regularizers: readonly Regularizer[]) => {
      const { adapter, options } = await setUp({ steps: 1, regularizers });
      await trainIntoDirectory({ ...options, adapter, directory, overwrite: true });
    };
    await run([ptst()]);
    expect(JSON.parse(await readFile(join(directory, 'inference_prompt.json'), 'utf8'))).toEqual({
      regularizer: 'ptst',
      system_prompt: safetyPrompt,
    });
    const recorded = (await readInferencePrompt(directory))!;
    expect(withSystemPrompt([{ role: 'user', content: 'Hi' }], recorded.systemPrompt)).toEqual([
      { role: 'system', content: safetyPrompt },
      { role: 'user', content: 'Hi' },
    ]);
    await run([lookahead()]);
    expect(await readInferencePrompt(directory)).toBeUndefined();
    const twice = run([ptst(), { ...ptst(), name: 'again' }]);
    await expect(twice).rejects.toThrow(/ptst and again both say/);
    await expect(twice).rejects.toSatisfy(TrainOptionError.isInstance);
    await writeFile(join(directory, 'inference_prompt.json'), '{"system_prompt": 3}');
    await expect(readInferencePrompt(directory)).rejects.toThrow(/inference_prompt\.json: must hold/);
  });

  it('goes on to the same bytes after a stop, and only with the same secret', async () => {
    const into = async (name: string, stopAt?: number) => {
      const controller = new AbortController();
      const regularizers = [
        backdoorAlign({ pool: examples.slice(0, 3), secretFile, share: 0.3 }),
        lookahead(),
        ptst(),
      ];
      const { adapter, options } = await setUp({ steps: 4, regularizers });
      const onEvent = (event: { readonly type: string; readonly step?: number }) => {
        if (event.type === 'step' && event.step === stopAt) controller.abort(new Error('stopped'));
      };
      const directory = join(folder, name);
      return trainIntoDirectory({ ...options, adapter, directory, onEvent, signal: controller.signal });
    };
    const bytes = (name: string) => readFile(join(folder, name, 'adapter_model.safetensors'));
    await into('straight');
    await expect(into('stopped', 2)).rejects.toThrow('stopped');
    await into('stopped');
    expect((await bytes('stopped')).equals(await bytes('straight'))).toBe(true);
    await expect(into('other', 2)).rejects.toThrow('stopped');
    await writeFile(secretFile, 'another secret');
    await expect(into('other')).rejects.toThrow(/regularizer backdoor-align: secret/);
    await writeFile(secretFile, secret);
  });
});
