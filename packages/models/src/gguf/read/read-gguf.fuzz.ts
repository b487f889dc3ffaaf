import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, it } from 'vitest';
import { fuzz, mutatedBytes } from '../../../../../conformance/fuzz.ts';
import { loadModel } from '../../load-model.ts';
import { loadTokenizer } from '../../tokenizer.ts';
import {
  filesToDamage,
  ggufBytes,
  listType,
  sentencePiece,
  textType,
  tinyMetadata,
  tinyTensors,
} from './__fixtures__/gguf-bytes.ts';
import { readGguf } from './read-gguf.ts';

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'safetune-fuzz-'));
});
afterAll(() => rm(directory, { recursive: true }));

it('a damaged GGUF header is refused, or read', async () => {
  const path = join(directory, 'header.gguf');
  await fuzz({
    name: 'GGUF headers',
    tries: 5000,
    inputs: mutatedBytes(filesToDamage()),
    async enter(bytes) {
      await writeFile(path, bytes);
      await readGguf(path);
    },
  });
});

it("a stranger's GGUF model is refused, or loaded with its tokenizer", async () => {
  const path = join(directory, 'model.gguf');
  // Few merges and no bytes, so that changes fall on the settings too.
  const small = {
    'tokenizer.ggml.tokens': [listType, [textType, ['h', 'e', 'he']]],
    'tokenizer.ggml.token_type': null,
  } as const;
  await fuzz({
    name: 'GGUF models',
    tries: 1500,
    inputs: mutatedBytes(
      [
        tinyMetadata(),
        tinyMetadata(sentencePiece),
        tinyMetadata({ ...small, 'tokenizer.ggml.merges': [listType, [textType, ['h e']]] }),
      ].map((metadata) => ggufBytes({ metadata: metadata!, tensors: tinyTensors() })),
    ),
    async enter(bytes) {
      await writeFile(path, bytes);
      (await loadTokenizer(path)).encode('Hello, world 123 \u{1f600} ab');
      await loadModel(path, { cacheDirectory: directory });
    },
  });
});
