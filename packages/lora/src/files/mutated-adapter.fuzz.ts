import { readFile } from 'node:fs/promises';
import { openSafetensors, type TensorRegion } from '@safetune/tensor';
import { it } from 'vitest';
import { fuzzInMemory, mutateJson } from '../../../../conformance/mutations.ts';
import { adapterOver } from '../adapter/adapter.ts';
import { parsePeftConfig } from '../config/config.ts';
import { requireTensorsOf } from './fit-to-model.ts';
import { layersOfFile, partsOfFile } from './parts-of-file.ts';
import { storedTensors } from './stored-tensors.ts';

const golden = (path: string) => new URL(`../../../../conformance/goldens/${path}`, import.meta.url);
const names = [
  'adapters/qwen2-rslora-all-projections',
  ...['dora-biases', 'tied-together', 'saved-embedding-and-norms', 'tokens-by-layer', 'patterns'].map(
    (name) => `lora-options/${name}`,
  ),
];

/** What the files of an adapter say, but for the values. */
interface Adapter {
  readonly config: unknown;
  readonly shapes: Readonly<Record<string, readonly number[]>>;
}

async function adapterOf(name: string): Promise<Adapter> {
  const config = JSON.parse(await readFile(golden(`${name}/adapter_config.json`), 'utf8'));
  const { tensors } = await openSafetensors(golden(`${name}/adapter_model.safetensors`).pathname);
  return {
    config,
    shapes: Object.fromEntries([...tensors.values()].map(({ name: tensor, shape }) => [tensor, shape])),
  };
}

/** The regions that a file of these shapes would have: the header's reader lets no others through, nor more dimensions. */
function regionsOf(shapes: unknown): Map<string, TensorRegion> {
  const regions = new Map<string, TensorRegion>();
  if (typeof shapes !== 'object' || shapes === null) return regions;
  for (const [name, shape] of Object.entries(shapes) as [string, unknown][]) {
    if (!Array.isArray(shape) || shape.length > 64) continue;
    if (!shape.every((extent) => Number.isSafeInteger(extent) && extent >= 0)) continue;
    const byteLength = 4 * shape.reduce((product: number, extent: number) => product * extent, 1);
    if (byteLength < 2 ** 20)
      regions.set(name, { name, dtype: 'float32', shape, file: 'a file', offset: 0, byteLength });
  }
  return regions;
}

it("a stranger's adapter is refused, or has every tensor that its configuration speaks of", async () => {
  const originals = (await Promise.all(names.map(adapterOf))).map((adapter) => JSON.stringify(adapter));
  await fuzzInMemory({
    name: 'adapters',
    tries: 3000,
    mutate: (random) => mutateJson(random, originals),
    read(content) {
      const { config: given, shapes } = (content ?? {}) as Partial<Adapter>;
      const config = parsePeftConfig(given, 'a file');
      const tensors = regionsOf(shapes);
      const stored = storedTensors('a file', {
        path: 'a file',
        metadata: {},
        tensors,
        unsupported: new Map(),
      });
      const layers = layersOfFile('a file', stored);
      const parts = partsOfFile(config, stored, layers);
      requireTensorsOf('a file', config, parts, stored, layers);
      for (const [name, { shape }] of Object.entries(adapterOver(config, parts).trained)) {
        const region = stored.get(name);
        if (region?.shape.join() !== shape.join())
          throw new Error(`'${name}' is [${shape}], stored [${region?.shape}]`);
      }
    },
  });
});
