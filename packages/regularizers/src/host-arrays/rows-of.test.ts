import { padBatch } from '@safetune/datasets';
import { expect, it } from 'vitest';
import { evaluateOnHostArrays, kl, RegularizerOptionError, rowsOf } from '../index.ts';

const batch = padBatch(
  [
    { tokenIds: Int32Array.of(5, 6, 7), responseMask: Uint8Array.of(0, 0, 1), tags: ['safe'] },
    { tokenIds: Int32Array.of(1, 2, 3, 4), responseMask: Uint8Array.of(0, 1, 0, 1), tags: [] },
  ],
  { padTokenId: 9 },
);

it('gives the rows of a batch, those of responses or all', () => {
  expect(rowsOf(batch)).toEqual({
    positions: [1, 4, 6],
    labels: { data: [7, 2, 4], shape: [3] },
    responseMask: { data: [1, 1, 1], shape: [3] },
    lossWeight: { data: [1, 1, 1], shape: [3] },
    positionInResponse: { data: [1, 1, 1], shape: [3] },
    exampleOfRow: { data: [0, 1, 1], shape: [3] },
    tokenIds: { data: Int32Array.of(5, 6, 7, 9, 1, 2, 3, 4), shape: [2, 4] },
    tokenMask: { data: Float32Array.of(1, 1, 1, 0, 1, 1, 1, 1), shape: [2, 4] },
    tokenResponseMask: { data: Float32Array.of(0, 0, 1, 0, 0, 1, 0, 1), shape: [2, 4] },
    tagged: {},
  });
  const { positions, labels, responseMask, positionInResponse, exampleOfRow, tagged } = rowsOf(batch, {
    rows: 'all',
    tags: ['safe'],
  });
  expect(positions).toEqual([0, 1, 4, 5, 6]);
  expect(labels.data).toEqual([6, 7, 2, 3, 4]);
  expect(responseMask.data).toEqual([0, 1, 1, 0, 1]);
  expect(positionInResponse.data).toEqual([0, 1, 1, 0, 1]);
  expect(exampleOfRow.data).toEqual([0, 0, 1, 1, 1]);
  expect(tagged).toEqual({ safe: { data: [1, 0], shape: [2] } });
});

it('is all that a penalty takes besides what models compute', async () => {
  const safeguard = kl({ onlyTagged: 'safe' });
  const rows = rowsOf(batch, safeguard.needs);
  const logits = { data: [1, 0, 5, 0, 0, 9], shape: [3, 2] };
  const referenceLogits = { data: [0, 0, 0, 0, 0, 0], shape: [3, 2] };
  const { value, unweighted } = await evaluateOnHostArrays(
    safeguard,
    { ...rows, logits, referenceLogits },
    { weight: 2 },
  );
  // Only the first row is of the tagged example: log 2 - H(p), p = 1 / (1 + 1 / e).
  const p = 1 / (1 + Math.exp(-1));
  expect(unweighted).toBeCloseTo(Math.log(2) + p * Math.log(p) + (1 - p) * Math.log(1 - p), 5);
  expect(value).toBeCloseTo(2 * unweighted, 5);
});

it('refuses tags of a batch that does not tell them, and other rows', () => {
  const { examples: _, ...bare } = batch;
  expect(() => rowsOf(bare, { tags: ['safe'] })).toThrow(RegularizerOptionError);
  expect(() => rowsOf(bare, { rows: 'responses' as never })).toThrow(
    'rows is "responses", must be "response" or "all"',
  );
  expect(rowsOf(bare).positions).toEqual([1, 4, 6]);
});
