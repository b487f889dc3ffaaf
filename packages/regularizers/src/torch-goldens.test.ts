import { readFileSync } from 'node:fs';
import { type HostArray, hostArray, openSafetensors, readTensor } from '@safetune/tensor';
import { describe, expect, it } from 'vitest';
import {
  evaluateOnHostArrays,
  type HostOutputs,
  type RegularizerConfig,
  regularizerFromConfig,
} from './index.ts';

/** Written by conformance/make_regularizers.py: the same formulas in PyTorch, over [batch, width, ...] tensors. */
const goldens = new URL('../../../conformance/goldens/', import.meta.url);
const { cases, layerCount } = JSON.parse(readFileSync(new URL('regularizers.json', goldens), 'utf8')) as {
  cases: { case: string; config: RegularizerConfig; lengths: number[]; value: number }[];
  layerCount: number;
};
const file = await openSafetensors(new URL('regularizers.safetensors', goldens).pathname);

async function tensorsOf(name: string): Promise<Record<string, HostArray>> {
  const names = [...file.tensors.keys()].filter((key) => key.startsWith(`${name}/`));
  const arrays = await Promise.all(names.map((key) => readTensor(file.tensors.get(key)!)));
  return Object.fromEntries(names.map((key, index) => [key.slice(name.length + 1), arrays[index]!]));
}

/** Positions, of batch x width, whose next token is a real one: the rows of logits that count. */
function predictingPositions(lengths: readonly number[]): number[] {
  const width = Math.max(...lengths);
  return lengths.flatMap((length, example) =>
    Array.from({ length: length - 1 }, (_, token) => example * width + token),
  );
}

function rowsOf(logits: HostArray, positions: readonly number[]): HostArray {
  const vocabulary = logits.shape[2]!;
  const data = logits.data as Float32Array;
  const rows = positions.flatMap((position) => [
    ...data.subarray(position * vocabulary, (position + 1) * vocabulary),
  ]);
  return hostArray(Float32Array.from(rows), [positions.length, vocabulary]);
}

function outputsOfLogits(arrays: Record<string, HostArray>, lengths: readonly number[]): HostOutputs {
  const width = Math.max(...lengths);
  const positions = predictingPositions(lengths);
  const perRow = (value: (position: number) => number) => ({
    data: positions.map(value),
    shape: [positions.length],
  });
  return {
    logits: rowsOf(arrays.logits!, positions),
    referenceLogits: rowsOf(arrays.referenceLogits!, positions),
    responseMask: perRow((position) => Number(arrays.responseMask!.data[position + 1])),
    exampleOfRow: perRow((position) => Math.floor(position / width)),
    tagged: {
      interleaved: {
        data: Float32Array.from(arrays.tagged!.data as never, Number),
        shape: [lengths.length],
      },
    },
  };
}

function statesOf(arrays: Record<string, HostArray>, side: string): Map<number, HostArray> {
  return new Map(
    Object.entries(arrays).flatMap(([name, array]) =>
      name.startsWith(`${side}.`) ? [[Number(name.slice(side.length + 1)), array] as const] : [],
    ),
  );
}

function expectClose(actual: HostArray, expected: HostArray): void {
  expect(actual.shape).toEqual(expected.shape);
  const [got, wanted] = [actual.data as Float32Array, expected.data as Float32Array];
  const largest = wanted.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  expect(largest).toBeGreaterThan(0);
  for (const [index, value] of wanted.entries()) {
    expect(Math.abs(got[index]! - value), `element ${index}`).toBeLessThanOrEqual(
      1e-4 * Math.abs(value) + 1e-6 * largest,
    );
  }
}

describe('value and gradient equal those of PyTorch (rel. 1e-4)', () => {
  it.each(cases.map((each) => [each.case, each] as const))('%s', async (name, { config, lengths, value }) => {
    const arrays = await tensorsOf(name);
    const isOfLogits = config.type !== 'ldifs';
    const outputs: HostOutputs = isOfLogits
      ? outputsOfLogits(arrays, lengths)
      : {
          hiddenStates: statesOf(arrays, 'hiddenStates'),
          referenceHiddenStates: statesOf(arrays, 'referenceHiddenStates'),
          tokenMask: {
            data: lengths.flatMap((length) =>
              Array.from({ length: Math.max(...lengths) }, (_, token) => (token < length ? 1 : 0)),
            ),
            shape: [lengths.length, Math.max(...lengths)],
          },
        };

    const result = await evaluateOnHostArrays(regularizerFromConfig(config), outputs, { layerCount });

    expect(Math.abs(result.value - value) / value).toBeLessThanOrEqual(1e-4);
    if (isOfLogits) {
      expectClose(result.gradients.logits!, rowsOf(arrays['gradient.logits']!, predictingPositions(lengths)));
    } else {
      for (const [layer, gradient] of statesOf(arrays, 'gradient.hiddenStates')) {
        expectClose(result.gradients.hiddenStates.get(layer)!, gradient);
      }
    }
  });
});
