import { listRegularizers, type RegularizerConfig, regularizerConfigSchema } from '@safetune/regularizers';
import { expect, expectTypeOf, it } from 'vitest';
import { z } from 'zod';
import { type SentinelConfig, sentinelConfigSchema } from '../sentinel/config.ts';
import { type FileForm, fileForm, libraryForm, snakeCase } from './file-form.ts';

const sentinel: SentinelConfig = {
  everySteps: 20,
  probes: [
    { type: 'rules', rules: ['a'], maxNewTokens: 9, bounds: { warn: 0, rollBack: 1 } },
    { type: 'log-odds', pairs: [{ prompt: 'a', safe: 'b', harmful: 'c' }] },
  ],
};
const inFile: FileForm<SentinelConfig> = {
  every_steps: 20,
  probes: [
    { type: 'rules', rules: ['a'], max_new_tokens: 9, bounds: { warn: 0, roll_back: 1 } },
    { type: 'log-odds', pairs: [{ prompt: 'a', safe: 'b', harmful: 'c' }] },
  ],
};

it('writes every option in snake_case, and reads it back', () => {
  const schema = fileForm(sentinelConfigSchema);
  expect(schema.parse(inFile)).toEqual(inFile);
  expect(libraryForm(sentinelConfigSchema, inFile as never)).toEqual(sentinel);
  expect(schema.safeParse(sentinel).success).toBe(false);
});

it('leaves what is data as it is', () => {
  const example = { messages: [{ role: 'user', content: 'Who?' }], tags: ['isTag'] };
  const configs: RegularizerConfig[] = [
    {
      type: 'interleaving',
      pool: [example],
      shareOf: 'primary',
      shufflePool: true,
      onPoolExhausted: 'cycle',
    },
    { type: 'persona-vector', vectors: { 2: [1, 2] } },
    { type: 'kl', weight: { from: 0, to: 1 }, onlyTagged: 'isTag' },
  ];
  const written = [
    {
      type: 'interleaving',
      pool: [example],
      share_of: 'primary',
      shuffle_pool: true,
      on_pool_exhausted: 'cycle',
    },
    { type: 'persona-vector', vectors: { 2: [1, 2] } },
    { type: 'kl', weight: { from: 0, to: 1 }, only_tagged: 'isTag' },
  ];
  for (const [index, config] of written.entries()) {
    const parsed = fileForm(regularizerConfigSchema).parse(config) as FileForm<RegularizerConfig>;
    expect(libraryForm(regularizerConfigSchema, parsed)).toEqual(configs[index]);
  }
});

it('has no option that two would be called by, and keeps bounds, lists and texts of the schema', () => {
  for (const { options } of listRegularizers()) {
    expect(new Set(options.map(snakeCase)).size).toBe(options.length);
    expect(options.map(snakeCase).join()).toMatch(/^[a-z_,]+$/);
  }
  const schema = z
    .strictObject({ maxLength: z.int().min(2).optional().describe('in tokens') })
    .describe('a thing');
  expect(z.toJSONSchema(fileForm(schema))).toMatchObject({
    description: 'a thing',
    additionalProperties: false,
    properties: { max_length: { type: 'integer', minimum: 2, description: 'in tokens' } },
  });
  expectTypeOf<FileForm<{ readonly maxNewTokens?: number }>>().toEqualTypeOf<{
    readonly max_new_tokens?: number;
  }>();
});
