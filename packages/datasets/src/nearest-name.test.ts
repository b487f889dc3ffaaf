import { expect, it } from 'vitest';
import { nearestName, unknownOption } from './nearest-name.ts';

it.each([
  ['maxLenght', 'maxLength'],
  ['wieght', 'weight'],
  ['WEIGHT', 'weight'],
  ['afterstep', 'afterStep'],
  ['onTooLon', 'onTooLong'],
  ['alhpa', 'alpha'],
  ['seed', undefined],
  ['entirely different', undefined],
  ['x'.repeat(1_000_000), undefined],
])('%s is near %s', (name, expected) => {
  const known = ['weight', 'maxLength', 'onTooLong', 'afterStep', 'alpha', 'needs'];
  expect(nearestName(name, known)).toBe(expected);
});

it('names the first option that there is not, and those there are', () => {
  expect(unknownOption({ top: 1, shown: undefined }, ['top'])).toBeUndefined();
  expect(unknownOption({ tpo: 1 }, ['top'])).toEqual({
    option: 'tpo',
    message: "no option 'tpo'. Did you mean 'top'?",
  });
  expect(unknownOption({ '__proto__x\n': 1 }, ['top'])?.message).toBe(
    "no option '__proto__x\\n'. There is top.",
  );
});
