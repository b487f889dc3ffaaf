import { expect, it } from 'vitest';
import { History } from './history.ts';

const scalars = (step: number, values: Record<string, number>) =>
  ({ type: 'scalars', step, values }) as const;

it('keeps the last of what changes, and all that was said', () => {
  const history = new History();
  history.add({ type: 'start', steps: 9, done: 0, about: 'a run' });
  history.add({ type: 'progress', step: 1, secondsLeft: 8 });
  history.add({ type: 'said', text: 'beware' });
  history.add({ type: 'progress', step: 2, secondsLeft: 7 });
  expect(history.messages).toEqual([
    { type: 'start', steps: 9, done: 0, about: 'a run' },
    { type: 'progress', step: 2, secondsLeft: 7 },
    { type: 'said', text: 'beware' },
  ]);
});

it('puts figures of one step together, and thins out long runs, but not what is rare', () => {
  const history = new History(8);
  for (let step = 1; step <= 40; step++) history.add(scalars(step, { 'loss/total': step }));
  history.add(scalars(40, { 'sentinel/kl/value': 0.5 }));
  for (let step = 41; step <= 60; step++) history.add(scalars(step, { 'loss/total': step }));
  const points = history.messages.filter((message) => message.type === 'scalars');
  expect(points.length).toBeLessThanOrEqual(8);
  expect(points).toContainEqual(scalars(40, { 'loss/total': 40, 'sentinel/kl/value': 0.5 }));
  expect(points.map(({ step }) => step)).toEqual(points.map(({ step }) => step).sort((a, b) => a - b));
});
