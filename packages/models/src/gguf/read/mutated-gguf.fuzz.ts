import { it } from 'vitest';
import { fuzzInMemory, mutateBytes } from '../../../../../conformance/mutations.ts';
import { familyOf } from '../../families/families.ts';
import { TextTokenizer } from '../../tokenizer/text-tokenizer.ts';
import {
  filesToDamage,
  ggufBytes,
  listType,
  sentencePiece,
  textType,
  tinyMetadata,
  tinyTensors,
} from './__fixtures__/gguf-bytes.ts';
import { modelOfGguf } from './gguf-model.ts';
import { parseHeader } from './header.ts';
import { MoreBytesNeeded } from './header-bytes.ts';
import { Metadata } from './metadata.ts';

const path = 'a file';

function headerOf(bytes: Buffer) {
  try {
    return parseHeader(path, bytes, bytes.length);
  } catch (reason) {
    // The whole file is at hand.
    if (reason instanceof MoreBytesNeeded) throw new Error(`byte ${reason.end} of ${bytes.length} is wanted`);
    throw reason;
  }
}

it('a damaged GGUF header is refused, or its tensors lie in the file', async () => {
  const originals = filesToDamage();
  await fuzzInMemory({
    name: 'GGUF headers',
    tries: 4000,
    mutate: (random) => mutateBytes(random, originals),
    read(bytes) {
      for (const { name, offset, byteLength } of headerOf(bytes).tensors)
        if (offset + byteLength > bytes.length) throw new Error(`'${name}' ends beyond the file`);
    },
  });
});

it("a stranger's GGUF model is refused, or has a configuration, a tokenizer and weights", async () => {
  // Few merges and no bytes, so that changes fall on the settings too.
  const small = {
    'tokenizer.ggml.tokens': [listType, [textType, ['h', 'e', 'he']]],
    'tokenizer.ggml.token_type': null,
    'tokenizer.ggml.eos_token_id': [4, 2],
    'tokenizer.ggml.merges': [listType, [textType, ['h e']]],
  } as const;
  const originals = [tinyMetadata(sentencePiece), tinyMetadata(small)].map((metadata) =>
    Buffer.from(ggufBytes({ metadata: metadata!, tensors: tinyTensors() })).subarray(0),
  );
  await fuzzInMemory({
    name: 'GGUF models',
    tries: 3000,
    mutate: (random) => mutateBytes(random, originals),
    async read(bytes) {
      const { metadata, tensors } = headerOf(bytes);
      const model = modelOfGguf({
        path,
        metadata: new Metadata(path, metadata),
        tensors: new Map(tensors.map((tensor) => [tensor.name, { ...tensor, file: path }])),
      });
      const config = (await model.json('config.json')) as { readonly model_type: string };
      familyOf(config.model_type)?.read(config, path).block(0);
      await model.json('generation_config.json');
      await model.json('tokenizer_config.json');
      new TextTokenizer(path, await model.json('tokenizer.json')).encode('he, world 1 \u{1f600}');
      await model.weights();
    },
  });
});
