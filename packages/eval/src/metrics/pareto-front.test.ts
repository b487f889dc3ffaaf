import { expect, it } from 'vitest';
import { paretoFront } from './pareto-front.ts';

it('keeps what nothing beats, equal points and ends included', () => {
  const points = [
    [50, 90],
    [20, 80],
    [30, 80], // as good as the second in one, worse in the other
    [5, 10],
    [5, 10],
    [60, 85],
    [0, 0],
  ];
  expect(paretoFront(points, ['lower', 'higher'])).toEqual([0, 1, 3, 4, 6]);
  expect(paretoFront(points, ['higher', 'higher'])).toEqual([0, 5]);
  expect(paretoFront(points, ['lower', 'lower'])).toEqual([6]);
  expect(paretoFront([], ['lower'])).toEqual([]);
});

it('takes any number of measures', () => {
  const points = [
    [1, 5, 3],
    [1, 4, 3],
    [0, 9, 2],
  ];
  expect(paretoFront(points, ['lower', 'higher', 'higher'])).toEqual([0, 2]);
});
