import { readFileSync } from 'node:fs';
import type { LoraAdapter } from '@safetune/lora';
import { describe, expect, it } from 'vitest';
import { type Regularizer, type RegularizerConfig, regularizerFromConfig } from '../../index.ts';

/** Written by conformance/make_gradient_methods.py. */
const { rate, cases, averaging } = JSON.parse(
  readFileSync(new URL('../../../../../conformance/goldens/gradient-methods.json', import.meta.url), 'utf8'),
) as {
  readonly rate: number;
  readonly cases: readonly { readonly config: RegularizerConfig; readonly steps: readonly Step[] }[];
  readonly averaging: {
    readonly decay: number;
    readonly steps: readonly Step[];
    readonly average: readonly number[];
  };
};

interface Step {
  readonly parameters: readonly number[];
  readonly task: readonly number[];
  readonly anchors: readonly number[];
  readonly taken: readonly number[];
}

const anchors = [{ messages: [{ role: 'assistant', content: 'safe' }] }];

/** An adapter of which nothing is used but its values. */
const adapterOf = (parameters: Float32Array) => ({ parameters }) as LoraAdapter;

function expectNear(actual: ArrayLike<number>, expected: readonly number[]) {
  expect(actual.length).toBe(expected.length);
  for (const [index, value] of expected.entries())
    expect(Math.abs(actual[index]! - value)).toBeLessThan(1e-5);
}

async function takeSteps(regularizer: Regularizer, steps: readonly Step[], first = 0): Promise<void> {
  for (const [index, { parameters, task, anchors: ofAnchors, taken }] of steps.entries()) {
    const found = await regularizer.gradient!(Float32Array.from(task), {
      step: first + index + 1,
      parameters: Float32Array.from(parameters),
      anchorGradient: async () => Float32Array.from(ofAnchors),
    });
    expectNear(found, taken);
  }
}

describe('steps along what PyTorch says', () => {
  it.each(cases.map(({ config, steps }) => [config.type, config, steps] as const))(
    '%s',
    async (_type, config, steps) => {
      const regularizer = regularizerFromConfig({ ...config, anchors });
      await regularizer.beforeTraining?.(adapterOf(Float32Array.from(steps[0]!.parameters)));
      await takeSteps(regularizer, steps);
    },
  );

  it('lisa, also when it is resumed in the middle of a phase', async () => {
    const { config, steps } = cases.find((each) => each.config.type === 'lisa')!;
    const [killed, resumed] = [1, 2].map(() => regularizerFromConfig({ ...config, anchors }));
    await killed!.beforeTraining!(adapterOf(Float32Array.from(steps[0]!.parameters)));
    await takeSteps(killed!, steps.slice(0, 4));
    await resumed!.beforeTraining!(adapterOf(Float32Array.from(steps[4]!.parameters)));
    resumed!.restoreState!(killed!.saveState!());
    await takeSteps(resumed!, steps.slice(4), 4);
  });
});

it('parameter averaging gives the average of PyTorch', async () => {
  const { decay, steps, average } = averaging;
  const regularizer = regularizerFromConfig({ type: 'parameter-averaging', decay });
  const parameters = Float32Array.from(steps[0]!.parameters);
  await regularizer.beforeTraining!(adapterOf(parameters));
  for (const [index, { taken }] of steps.entries()) {
    taken.forEach((value, at) => {
      parameters[at]! -= rate * value;
    });
    const before = parameters.slice();
    await regularizer.afterStep!(adapterOf(parameters), index + 1);
    expect(parameters).toEqual(before);
  }
  await regularizer.afterTraining!(adapterOf(parameters));
  expectNear(parameters, average);
});

it.each(['kl-on-anchors', 'safe-grad', 'a-gem', 'der', 'lisa'])(
  '%s without anchors says how to give them',
  (type) => {
    expect(() => regularizerFromConfig({ type })).toThrow(
      new RegExp(`${type}.*needs anchors.*"anchors": "safe.jsonl"`),
    );
    expect(() => regularizerFromConfig({ type, anchors: [] })).toThrow(/list of anchors is empty/);
    expect(() => regularizerFromConfig({ type, anchors, perStep: 0 })).toThrow(/perStep is 0/);
  },
);

it.each([
  ['safe-grad', { rho: -1 }, /rho is -1/],
  ['lisa', { taskSteps: 0 }, /taskSteps is 0/],
  ['lisa', { rho: Number.NaN }, /rho/],
  ['kl-on-anchors', { crossEntropyWeight: -1 }, /crossEntropyWeight is -1/],
  ['der', { weight: -1 }, /weight is -1/],
])('%s refuses %j', (type, options, message) => {
  expect(() => regularizerFromConfig({ type, anchors, ...options })).toThrow(message);
});

it('parameter averaging refuses a decay that forgets or keeps everything beyond', () => {
  for (const decay of [-0.1, 1, Number.NaN])
    expect(() => regularizerFromConfig({ type: 'parameter-averaging', decay })).toThrow(/decay/);
});
