import { expect, it } from 'vitest';
import { memoryLine } from './memory-line.ts';

it('gives each part of a plan in gigabytes, their sum and what there is', () => {
  const chosen = {
    mode: 'layered',
    weights: 1.976e9,
    trained: 0.25e9,
    activations: 3e9,
    logits: 0.5e9,
    observers: 0,
    sessions: 0.05e9,
    total: 5.776e9,
    headPieces: { count: 1, rows: 8 },
    attentionBlocks: 1,
  } as const;
  expect(memoryLine({ chosen, available: 12.345e9 })).toBe(
    'memory planned, in GB: weights 1.98, activations 3.00, logits 0.50, gradients and optimizer 0.25, ' +
      'sessions 0.05; total 5.78 of 12.35 available',
  );
  const watched = memoryLine({ chosen: { ...chosen, observers: 0.2e9 }, available: 12.345e9 });
  expect(watched).toContain('optimizer 0.25, evaluation and sentinel 0.20, sessions 0.05');
});
