import { expect, it } from 'vitest';
import { fittingParts } from './progress-line.ts';

it('keeps the first parts where not all fit', () => {
  const parts = ['12/345', 'loss 1.2345', '2 min 05 s left', 'kl 0.01', 'cross-entropy 1.2335'];
  expect(fittingParts(parts, 39)).toBe('12/345  loss 1.2345  2 min 05 s left');
  expect(fittingParts(parts, 80)).toBe(parts.join('  '));
  expect(fittingParts(parts, 4)).toBe('12/3');
});
