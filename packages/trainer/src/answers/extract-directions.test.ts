/** Concept ablation against PyTorch: conformance/make_caft.py. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ChatExample } from '@safetune/datasets';
import { createLoraAdapter, loadLoraAdapter } from '@safetune/lora';
import { loadModel, loadTokenizer } from '@safetune/models';
import {
  caft,
  type Directions,
  DirectionsError,
  type Regularizer,
  saveDirections,
  underSystemPrompt,
} from '@safetune/regularizers';
import { readTensor } from '@safetune/tensor';
import { describe, expect, it } from 'vitest';
import { pythonWith, runPython } from '../../../../conformance/python.ts';
import { Random } from '../../../../conformance/random.ts';
import {
  adapterDirectory,
  checkpointDirectory,
  goldenBatch,
  goldensDirectory,
  openSafetensors,
  readJson,
  relativeError,
} from '../__fixtures__/goldens.ts';
import { TrainOptionError } from '../errors.ts';
import { compileLayeredStep } from '../layered-step/layered-step.ts';
import { trainAdapter } from '../step/trainable.ts';
import { compileTrainStep } from '../whole-step/whole-step.ts';
import { extractDirections } from './extract-directions.ts';
import { answerTokenStates } from './token-states.ts';

type Sides<Value> = { readonly evil: Value; readonly helpful: Value };
type Kind = 'difference' | 'activations';
const answers = await readJson<{
  readonly systemPrompts: Sides<string>;
  readonly questions: readonly string[];
  readonly answers: Sides<readonly string[]>;
}>(goldensDirectory('answers'), 'expected.json');
const expected = await readJson<{
  readonly checkpoint: string;
  readonly adapter: string;
  readonly components: Record<string, number[]>;
  readonly shares: Record<Kind, number[][]>;
  readonly crossEntropy: number;
  readonly crossEntropyWithout: number;
}>(goldensDirectory('caft'), 'expected.json');
const golden = await openSafetensors(join(goldensDirectory('caft'), 'expected.safetensors'));
const directory = checkpointDirectory(expected.checkpoint);
const [model, tokenizer] = [await loadModel(directory), await loadTokenizer(directory)];
const loadAdapter = () => loadLoraAdapter(adapterDirectory(expected.adapter), { layers: model.linearLayers });
const examples: ChatExample[] = (['evil', 'helpful'] as const).flatMap((side) =>
  answers.questions.map((question, index) =>
    underSystemPrompt(answers.systemPrompts[side], { question, answer: answers.answers[side][index]! }),
  ),
);
const layers = [1, 2, 3];

async function goldenDirections(kind: Kind): Promise<Directions> {
  const read = async (layer: number) => {
    const { data, shape } = await readTensor(golden.tensors.get(`${kind}.layer.${layer}`)!);
    const [count, width] = shape as [number, number];
    return Array.from({ length: count }, (_, index) =>
      (data as Float32Array).slice(index * width, (index + 1) * width),
    );
  };
  return new Map(await Promise.all(layers.map(async (layer) => [layer, await read(layer)] as const)));
}

describe('extractDirections', () => {
  it.each(['difference', 'activations'] as const)(
    'gives the components that PyTorch gives: %s',
    async (kind) => {
      const adapter = kind === 'difference' ? await loadAdapter() : undefined;
      const found = await extractDirections({
        model,
        tokenizer,
        examples,
        layers,
        components: 5,
        batchSize: 4,
        ...(adapter && { adapter }),
      });
      expect(found.tokens).toBe(76);
      for (const [layer, wanted] of await goldenDirections(kind)) {
        for (const [index, direction] of found.directions.get(layer)!.entries())
          expect(relativeError(direction, wanted[index]!), `layer ${layer}, ${index}`).toBeLessThan(2e-3);
      }
      const shares = found.components.map(({ share }) => share);
      for (const [index, share] of expected.shares[kind].flat().entries())
        expect(shares[index]).toBeCloseTo(share, 4);
      expect(found.components.map(({ component }) => component).slice(0, 6)).toEqual([0, 1, 2, 3, 4, 0]);
    },
  );

  it('orders the answers by how far they lie along a component', async () => {
    const options = { model, tokenizer, layers: [2], batchSize: 2 };
    const { directions, components } = await extractDirections({ ...options, examples, components: 1 });
    const { states, exampleOfToken } = await answerTokenStates(examples, options);
    const [direction] = directions.get(2)!;
    const means = examples.map((_, example) => {
      const rows = [...exampleOfToken.keys()].filter((row) => exampleOfToken[row] === example);
      const along = (row: number) =>
        direction!.reduce((sum, value, index) => sum + value * (states.get(2)!.get(row, index) as number), 0);
      return rows.reduce((sum, row) => sum + along(row), 0) / rows.length;
    });
    const byMean = [...means.keys()].sort((a, b) => means[b]! - means[a]!);
    expect(components[0]!.order).toEqual(byMean);
  });

  it('takes tokens evenly when there are more than it may take', async () => {
    const options = { model, tokenizer, layers: [1] };
    const all = await answerTokenStates(examples, options);
    const half = await answerTokenStates(examples, { ...options, maxTokens: 38, batchSize: 3 });
    expect([...half.exampleOfToken]).toEqual([...all.exampleOfToken].filter((_, row) => row % 2 === 1));
    const width = model.config.hiddenSize;
    const rows = (array: Float32Array, row: number) => array.subarray(row * width, (row + 1) * width);
    const [of, from] = [half, all].map(({ states }) => states.get(1)!.data as Float32Array) as [
      Float32Array,
      Float32Array,
    ];
    for (let row = 0; row < 38; row++)
      expect(relativeError(rows(of, row), rows(from, 2 * row + 1))).toBeLessThan(1e-4);
  });

  it('refuses an adapter without effect, too many components, and options that say nothing', async () => {
    const untrained = createLoraAdapter(model.linearLayers, { target_modules: ['q_proj'] });
    const options = { model, tokenizer, examples, layers: [1] };
    await expect(extractDirections({ ...options, adapter: untrained })).rejects.toThrow(
      /76 states vary in 0 directions, but 20/,
    );
    const tooMany = extractDirections({ ...options, components: 64 });
    await expect(tooMany).rejects.toSatisfy(DirectionsError.isInstance);
    await expect(extractDirections({ ...options, examples: [] })).rejects.toSatisfy(
      TrainOptionError.isInstance,
    );
    await expect(extractDirections({ ...options, components: 0 })).rejects.toThrow(/components: 0 must be/);
    await expect(extractDirections({ ...options, maxTokens: 1.5 })).rejects.toThrow(/maxTokens: 1.5 must be/);
  });
});

/** Loss and gradients of the golden batch under some directions. */
async function underAblation(
  compileStep: typeof compileTrainStep | typeof compileLayeredStep,
  regularizer: Regularizer,
) {
  const adapter = await loadAdapter();
  const stored = await openSafetensors(join(adapterDirectory(expected.adapter), 'expected.safetensors'));
  const step = await compileStep({ model, trainable: trainAdapter(adapter), regularizers: [regularizer] });
  const terms = await step.run(await goldenBatch(stored, 'batch.'), {});
  const gradients = Object.entries(adapter.tensors).map(([name, view]) => {
    const start = ((view.data as Float32Array).byteOffset - adapter.parameters.byteOffset) / 4;
    return [`base_model.model.${name}`, step.gradients.slice(start, start + view.size)] as const;
  });
  await step.release();
  return { crossEntropy: terms.crossEntropy, gradients: new Map(gradients) };
}

describe('caft trains as PyTorch does with the same hook', () => {
  const steps = [
    ['whole', compileTrainStep],
    ['layered', compileLayeredStep],
  ] as const;

  it.each(steps)('%s', async (_name, compileStep) => {
    const directions = await goldenDirections('difference');
    const regularizer = caft({ directions, components: expected.components });
    const { crossEntropy, gradients } = await underAblation(compileStep, regularizer);
    expect(crossEntropy).toBeCloseTo(expected.crossEntropy, 4);
    expect(Math.abs(expected.crossEntropy - expected.crossEntropyWithout)).toBeGreaterThan(0.1);
    for (const [name, ours] of gradients) {
      const truth = await readTensor(golden.tensors.get(`gradient.${name}`)!);
      expect(relativeError(ours, truth.data as Float32Array), name).toBeLessThan(1e-4);
    }
  });

  const python = pythonWith('torch', 'transformers', 'peft', 'safetensors');
  it.skipIf(python === undefined)(
    'of directions of any lengths and angles (skipped without python)',
    async () => {
      const folder = await mkdtemp(join(tmpdir(), 'safetune-caft-'));
      const file = join(folder, 'directions.safetensors');
      const random = new Random(14);
      const vector = () =>
        Float32Array.from({ length: model.config.hiddenSize }, () => 4 * random.next() - 1);
      await saveDirections(file, new Map([1, 2, 3].map((layer) => [layer, [vector(), vector(), vector()]])));
      const said = (await runPython('make_caft.py', ['--directions', file])) as {
        readonly crossEntropy: number;
        readonly norms: Record<string, number>;
      };
      for (const [, compileStep] of steps) {
        const { crossEntropy, gradients } = await underAblation(compileStep, caft({ directions: file }));
        expect(crossEntropy).toBeCloseTo(said.crossEntropy, 4);
        for (const [name, ours] of gradients)
          expect(Math.hypot(...ours) / said.norms[name]!, name).toBeCloseTo(1, 3);
      }
      await rm(folder, { recursive: true });
    },
  );
});
