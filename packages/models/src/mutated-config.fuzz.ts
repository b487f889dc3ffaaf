import { it } from 'vitest';
import { fuzzInMemory, mutateJson } from '../../../conformance/mutations.ts';
import { familyConfig, familyGoldenNames } from './__fixtures__/family-goldens.ts';
import { ModelFileError } from './errors.ts';
import { familyOf } from './families/families.ts';

it("a stranger's config.json of any family is refused, or describes a model", async () => {
  const configs = await Promise.all(familyGoldenNames.map(familyConfig));
  const originals = configs.map((config) => JSON.stringify(config));
  await fuzzInMemory({
    name: 'configs',
    tries: 4000,
    mutate: (random) => mutateJson(random, originals),
    read(config) {
      const modelType = (config as { readonly model_type?: unknown } | null)?.model_type;
      const family = typeof modelType === 'string' ? familyOf(modelType) : undefined;
      if (family === undefined) throw new ModelFileError('config.json', 'is of no family');
      const { config: read, block } = family.read(config, 'config.json');
      block(0);
      block(Math.max(0, Math.min(999, read.layerCount - 1)));
      requireFinite(read, 'config');
    },
  });
});

/** What a config comes to must be numbers that a model can be built of. */
function requireFinite(value: unknown, place: string): void {
  if (typeof value === 'number' && !Number.isFinite(value)) throw new Error(`${place} is ${value}`);
  if (typeof value !== 'object' || value === null) return;
  for (const [name, inner] of Object.entries(value)) requireFinite(inner, `${place}.${name}`);
}
