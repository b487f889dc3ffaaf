import { expect, it } from 'vitest';
import { z } from 'zod';
import {
  listRegularizers,
  type Regularizer,
  RegularizerOptionError,
  registerRegularizer,
  regularizerConfigSchema,
  regularizerFromConfig,
} from '../index.ts';

function inOrder({ share = 0.5 }: { readonly share?: number | undefined }): Regularizer {
  return { name: 'in-order', config: { type: 'in-order', share }, examples: (source) => source };
}

it('a regularizer that is registered can be named by a config', () => {
  const schema = z.strictObject({ share: z.number().max(1).optional() });
  registerRegularizer('in-order', { schema, strength: 'share', create: inOrder });
  registerRegularizer('in-order', { schema, create: inOrder });
  expect(listRegularizers().map(({ type }) => type)).toContain('in-order');
  expect(regularizerFromConfig({ type: 'in-order' }).config).toEqual({ type: 'in-order', share: 0.5 });
  const config = regularizerFromConfig({ type: 'in-order', share: 0.2, name: 'mine' }).config;
  expect(config).toEqual({ type: 'in-order', share: 0.2, name: 'mine' });
  expect(regularizerConfigSchema.parse(config)).toEqual(config);
  expect(regularizerConfigSchema.safeParse({ type: 'in-ordre' }).success).toBe(false);
  expect(() => regularizerFromConfig({ type: 'in-order', shar: 1 })).toThrow("Did you mean 'share'?");
  expect(() => regularizerFromConfig({ type: 'in-order', share: 2 })).toThrow(RegularizerOptionError);
  expect(() => regularizerFromConfig({ type: 'in-ordre' })).toThrow("Did you mean 'in-order'?");
});

it.each<[string, unknown, string]>([
  ['kl', inOrder, "the name is one of SafeTune's own"],
  ['./mine.ts', inOrder, 'must be letters, digits and hyphens'],
  ['', inOrder, 'must be letters, digits and hyphens'],
  ['none', {}, 'needs create'],
  ['in-order', () => inOrder({}), 'another regularizer is registered under this name'],
])('%s is refused as a registration', (name, kind, message) => {
  expect(() => registerRegularizer(name, kind as never)).toThrow(message);
});
