import { expect, it } from 'vitest';
import { padBatch, responsePositions } from '../index.ts';

it('counts the targets of every turn from 1, and anew in every example', () => {
  const batch = padBatch(
    [
      {
        tokenIds: Int32Array.of(5, 6, 7, 8, 9, 1, 2),
        responseMask: Uint8Array.of(0, 1, 1, 0, 1, 1, 1),
        tags: [],
      },
      { tokenIds: Int32Array.of(1, 2, 3, 4), responseMask: Uint8Array.of(1, 1, 0, 1), tags: [] },
    ],
    { padTokenId: 9 },
  );
  expect([...responsePositions(batch)]).toEqual([0, 1, 2, 0, 1, 2, 3, 1, 2, 0, 1, 0, 0, 0]);
});
