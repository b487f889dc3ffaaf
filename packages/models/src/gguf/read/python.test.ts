import { join } from 'node:path';
import { compile, hostArray, openSafetensors, readTensor, tensorType } from '@safetune/tensor';
import { describe, expect, it } from 'vitest';
import { conformanceModules, pythonWith, runPython } from '../../../../../conformance/python.ts';
import { goldenDirectory, temporaryDirectory } from '../../__fixtures__/goldens.ts';
import { loadModel } from '../../load-model.ts';

const directory = temporaryDirectory();
const cacheDirectory = temporaryDirectory();
const python = pythonWith(...conformanceModules, 'gguf');

describe.skipIf(python === undefined)(
  'against transformers on GGUF files of gguf-py (skipped without them)',
  () => {
    it('has the logits of quantised models', async () => {
      const types = ['q8_0', 'q5_0', 'q4_1'];
      const ids = Array.from({ length: 24 }, (_, index) => (index * 101) % 384);
      await runPython('verify_gguf_models.py', [
        ...[
          '--model',
          goldenDirectory('llama-untied-float32'),
          '--pre',
          'llama-bpe',
          '--types',
          types.join(),
        ],
        ...['--input-ids', JSON.stringify([ids]), '--out', directory],
      ]);
      for (const type of types) {
        const model = await loadModel(join(directory, `${type}.gguf`), { cacheDirectory });
        const executable = await compile(
          ({ tokens }) => ({ logits: model.head(model.forward(tokens).output) }),
          {
            tokens: tensorType('int64', ['batch', 'seq']),
          },
        );
        const { logits } = await executable.run({
          tokens: hostArray(BigInt64Array.from(ids, BigInt), [1, ids.length]),
        });
        await executable.release();
        const { tensors } = await openSafetensors(join(directory, `${type}.safetensors`));
        const expected = (await readTensor(tensors.get('logits')!)).data as Float32Array;
        const differences = Array.from(expected, (value, index) =>
          Math.abs(value - Number(logits.data[index])),
        );
        expect(Math.max(...differences), type).toBeLessThan(1e-4);
      }
    });
  },
);
