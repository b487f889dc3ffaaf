import { readFileSync } from 'node:fs';
import { padBatch } from '@safetune/datasets';
import { type HostArray, hostArray, openSafetensors, readTensor } from '@safetune/tensor';
import { describe, expect, it } from 'vitest';
import {
  compileTaskLoss,
  constrainedSft,
  type RegularizerConfig,
  RegularizerOptionError,
  regularizerFromConfig,
  rowsOf,
} from '../../index.ts';
import { describeRegularizerContract } from '../../testing/index.ts';

describeRegularizerContract('constrained-sft', () => constrainedSft(), { describe, it });
describeRegularizerContract(
  'constrained-sft, the same for all tokens',
  () => constrainedSft({ beta: 2, initialTokens: 0 }),
  { describe, it },
);

/** Written by conformance/make_task_loss.py: the paper's formula in PyTorch, token by token. */
const goldens = new URL('../../../../../conformance/goldens/', import.meta.url);
const cases = JSON.parse(readFileSync(new URL('task-loss.json', goldens), 'utf8')) as {
  case: string;
  config: RegularizerConfig;
  value: number;
  crossEntropy: number;
}[];
const file = await openSafetensors(new URL('task-loss.safetensors', goldens).pathname);
const numbersOf = async (name: string) =>
  Array.from((await readTensor(file.tensors.get(name)!)).data as Float32Array, Number);

async function batchOf(name: string) {
  const [tokenIds, lengths, responseMask, lossWeights] = await Promise.all(
    ['tokenIds', 'lengths', 'responseMask', 'lossWeights'].map((key) => numbersOf(`${name}/${key}`)),
  );
  const width = Math.max(...lengths!);
  return padBatch(
    lengths!.map((length, row) => {
      const [from, to] = [row * width, row * width + length];
      return {
        tokenIds: Int32Array.from(tokenIds!.slice(from, to)),
        responseMask: Uint8Array.from(responseMask!.slice(from, to)),
        lossWeights: Float32Array.from(lossWeights!.slice(from, to)),
        tags: [],
      };
    }),
    { padTokenId: 0 },
  );
}

async function rowsAt(name: string, positions: readonly number[]): Promise<HostArray> {
  const tensor = await readTensor(file.tensors.get(name)!);
  const vocabulary = tensor.shape[2]!;
  const rows = positions.flatMap((position) => [
    ...(tensor.data as Float32Array).subarray(position * vocabulary, (position + 1) * vocabulary),
  ]);
  return hostArray(Float32Array.from(rows), [positions.length, vocabulary]);
}

describe('value and gradient equal those of PyTorch', () => {
  it.each(cases.map((each) => [each.case, each] as const))('%s', async (name, expected) => {
    const rows = rowsOf(await batchOf(name));
    const task = await compileTaskLoss(regularizerFromConfig(expected.config));
    const found = await task.run({
      ...rows,
      logits: await rowsAt(`${name}/logits`, rows.positions),
      referenceLogits: await rowsAt(`${name}/referenceLogits`, rows.positions),
    });
    await task.release();
    expect(found.value / expected.value).toBeCloseTo(1, 5);
    expect(found.crossEntropy / expected.crossEntropy).toBeCloseTo(1, 5);
    const truth = (await rowsAt(`${name}/gradient.logits`, rows.positions)).data as Float32Array;
    const largest = Math.max(...truth.map(Math.abs));
    expect(largest).toBeGreaterThan(1e-3);
    for (const [index, value] of (found.gradients.logits!.data as Float32Array).entries())
      expect(Math.abs(value - truth[index]!)).toBeLessThan(1e-5 * largest);
  });
});

describe('constrained-sft', () => {
  const logits = { data: [2, 0, 0, 2, 1, 1], shape: [3, 2] };
  const uniform = { data: [0, 0, 0, 0, 0, 0], shape: [3, 2] };
  const batch = padBatch(
    [{ tokenIds: Int32Array.of(1, 0, 1, 0), responseMask: Uint8Array.of(0, 1, 1, 1), tags: [] }],
    { padTokenId: 0 },
  );
  const run = async (options: Parameters<typeof constrainedSft>[0], referenceLogits = uniform) => {
    const task = await compileTaskLoss(constrainedSft(options));
    const found = await task.run({ ...rowsOf(batch), logits, referenceLogits });
    await task.release();
    return found;
  };

  it('gives the gradient of the cross-entropy at the reference, and with a small beta', async () => {
    const p = 1 / (1 + Math.exp(-2));
    const plain = [p - 1, 1 - p, 1 - p, p - 1, -0.5, 0.5].map((value) => value / 3);
    for (const found of [await run({}, logits), await run({ beta: 1e-4, initialTokens: 0 })]) {
      for (const [index, value] of [...(found.gradients.logits!.data as Float32Array)].entries())
        expect(value).toBeCloseTo(plain[index]!, 4);
    }
  });

  it('scales it by 2 sigmoid(-beta (log p - log p0)), with the beta of the place', async () => {
    const found = await run({ beta: 0.5, firstTokenFactor: 2, initialFactor: 6, initialTokens: 2 });
    const p = 1 / (1 + Math.exp(-2));
    const growth = Math.log(p) - Math.log(0.5);
    const slopes = [1, 3].map((beta) => 2 / (1 + Math.exp(beta * growth)));
    const gradient = found.gradients.logits!.data as Float32Array;
    expect(gradient[0]).toBeCloseTo(((p - 1) / 3) * slopes[0]!, 6);
    expect(gradient[3]).toBeCloseTo(((p - 1) / 3) * slopes[1]!, 6);
    // The third token, behind the first two, is as likely as before.
    expect(gradient[4]).toBeCloseTo(-0.5 / 3, 6);
    expect(Number(found.perRow.data[2])).toBeCloseTo((2 / 0.5) * Math.log(2), 5);
  });

  it.each([
    [{ beta: 0 }, 'beta is 0, must be positive'],
    [{ initialFactor: Number.NaN }, 'initialFactor is NaN'],
    [{ firstTokenFactor: -1 }, 'firstTokenFactor is -1'],
    [{ initialTokens: 1.5 }, 'initialTokens is 1.5, must be a whole number >= 0'],
    [{ betas: 3 }, "there is no option 'betas'. Did you mean 'beta'"],
  ])('refuses %o', (options, message) => {
    expect(() => constrainedSft(options as never)).toThrow(message);
    expect(() => constrainedSft(options as never)).toThrow(RegularizerOptionError);
  });
});
