import type { ChatMessage } from '@safetune/datasets';
import { loadModel, loadTokenizer } from '@safetune/models';
import { openSafetensors, readTensor } from '@safetune/tensor';
import { describe, expect, it } from 'vitest';
import { pythonWith, runPython } from '../../../../conformance/python.ts';
import { checkpointDirectory, goldensDirectory, readJson, relativeError } from '../__fixtures__/goldens.ts';
import { estimateFisher } from './estimate-fisher.ts';

interface Expected {
  readonly checkpoint: string;
  readonly conversations: ChatMessage[][];
  readonly tokens: number;
  readonly sums: Readonly<Record<string, number>>;
}

/** Written by conformance/make_fisher.py: each answer's gradient by PyTorch. */
const expected = await readJson<Expected>(goldensDirectory('fisher'), 'expected.json');
const folder = checkpointDirectory(expected.checkpoint);
const examples = expected.conversations.map((messages) => ({ messages }));
const opened = async () => ({ model: await loadModel(folder), tokenizer: await loadTokenizer(folder) });

const sumOf = (values: ArrayLike<number>) => Array.from(values).reduce((total, value) => total + value, 0);

describe('estimateFisher', () => {
  it.each(['whole', 'layered'] as const)(
    'gives the diagonal of PyTorch, for every weight, %s',
    async (memory) => {
      const found = await estimateFisher({ ...(await opened()), examples, weights: 'all', memory });
      expect([found.examples, found.tokens]).toEqual([3, expected.tokens]);
      expect(Object.keys(found.weights).sort()).toEqual(Object.keys(expected.sums).sort());
      for (const [name, sum] of Object.entries(expected.sums)) {
        const values = found.weights[name]!.data as Float32Array;
        // A key's bias moves every score of a query alike: its information is zero but for rounding.
        if (sum < 1e-9) expect(sumOf(values)).toBeLessThan(1e-9);
        else expect(Math.abs(sumOf(values) / sum - 1), name).toBeLessThan(1e-3);
      }
      const file = await openSafetensors(`${goldensDirectory('fisher')}/expected.safetensors`);
      expect(file.tensors.size).toBe(3);
      for (const [name, region] of file.tensors) {
        const wanted = (await readTensor(region)).data as Float32Array;
        expect(relativeError(found.weights[name]!.data as Float32Array, wanted), name).toBeLessThan(1e-3);
      }
    },
  );

  it('is of linear layers by default, tells how far it is, and stops when asked to', async () => {
    const { model, tokenizer } = await opened();
    const heard: number[][] = [];
    const found = await estimateFisher({
      model,
      tokenizer,
      examples: examples.slice(0, 2),
      onProgress: (...progress) => heard.push(progress),
    });
    expect(heard).toEqual([
      [1, 2],
      [2, 2],
    ]);
    expect(Object.keys(found.weights).sort()).toEqual(
      model.linearLayers.map(({ name }) => `${name}.weight`).sort(),
    );
    const abort = new AbortController();
    const stopped = estimateFisher({
      model,
      tokenizer,
      examples,
      signal: abort.signal,
      onProgress: () => abort.abort(new Error('enough')),
    });
    await expect(stopped).rejects.toThrow('enough');
    await expect(estimateFisher({ model, tokenizer, examples: [] })).rejects.toThrow(
      'examples: there are none',
    );
  });
});

describe.skipIf(pythonWith('torch', 'transformers', 'safetensors') === undefined)(
  'asked live (skipped: no python3 with torch and transformers)',
  () => {
    it('is what PyTorch says of conversations of our own', async () => {
      const messages = [
        { role: 'system', content: 'Be brief.' },
        { role: 'user', content: 'Where is the friend?' },
        { role: 'assistant', content: 'In the book, on page 3.' },
      ];
      const said = (await runPython('make_fisher.py', [
        '--model',
        folder,
        '--conversations',
        JSON.stringify([messages]),
      ])) as Pick<Expected, 'tokens' | 'sums'>;
      const found = await estimateFisher({ ...(await opened()), examples: [{ messages }] });
      expect(found.tokens).toBe(said.tokens);
      for (const [name, { data }] of Object.entries(found.weights))
        expect(Math.abs(sumOf(data as Float32Array) / said.sums[name]! - 1), name).toBeLessThan(1e-3);
    });
  },
);
