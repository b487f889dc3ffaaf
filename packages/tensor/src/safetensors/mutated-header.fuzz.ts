import { readFile } from 'node:fs/promises';
import { it } from 'vitest';
import { fuzzInMemory, mutateBytes, mutateJson } from '../../../../conformance/mutations.ts';
import { parseSmallJson } from '../files/read-small-file.ts';
import { lengthFieldBytes, parseHeader, parseHeaderLength } from './format.ts';

const fixture = (name: string) => readFile(new URL(`./__fixtures__/${name}`, import.meta.url));

it('a damaged safetensors header is refused, or describes every byte of the data once', async () => {
  const names = ['dtypes.safetensors', 'float8.safetensors', 'sharded/model-00001-of-00002.safetensors'];
  const originals = await Promise.all(names.map(fixture));
  await fuzzInMemory({
    name: 'safetensors headers',
    tries: 4000,
    mutate(random) {
      if (random.chance(0.5)) return mutateBytes(random, originals);
      // A well-formed file that says something else.
      const original = random.pick(originals);
      const end = lengthFieldBytes + original.readUInt32LE(0);
      const header = original.subarray(lengthFieldBytes, end).toString();
      const json = Buffer.from(JSON.stringify(mutateJson(random, [header])));
      const length = Buffer.alloc(lengthFieldBytes);
      length.writeUInt32LE(json.length);
      return Buffer.concat([length, json, original.subarray(end)]);
    },
    read(bytes) {
      const length = parseHeaderLength('a file', bytes.subarray(0, lengthFieldBytes), bytes.length);
      const dataStart = lengthFieldBytes + length;
      const dataBytes = bytes.length - dataStart;
      const { entries } = parseHeader('a file', bytes.subarray(lengthFieldBytes, dataStart), dataBytes);
      let end = 0;
      for (const entry of entries) {
        if (entry.begin !== end) throw new Error(`'${entry.name}' begins at ${entry.begin}, not ${end}`);
        ({ end } = entry);
      }
      if (end !== dataBytes) throw new Error(`${end} of ${dataBytes} bytes are described`);
    },
  });
});

it('damaged JSON is refused, or read', async () => {
  const original = {
    architectures: ['LlamaForCausalLM'],
    rope: { factor: 8.5 },
    tie: false,
    text: 'a\\"[é\n',
  };
  await fuzzInMemory({
    name: 'JSON files',
    tries: 2000,
    mutate: (random) => mutateBytes(random, [Buffer.from(JSON.stringify(original, null, 1))]),
    read: (bytes) => parseSmallJson('a file', bytes),
  });
});
