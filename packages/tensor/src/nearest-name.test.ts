import { describe, expect, it } from 'vitest';
import { nearestName, unknownOption } from './nearest-name.ts';

describe('nearestName', () => {
  it.each([
    ['temprature', 'temperature'],
    ['topk', 'topK'],
    ['tpoP', 'topP'],
    ['stopString', 'stopStrings'],
    ['nothing like it', undefined],
    ['x'.repeat(1000), undefined],
  ])('of %s is %s', (name, expected) => {
    expect(nearestName(name, ['temperature', 'topK', 'topP', 'stopStrings'])).toBe(expected);
  });
});

describe('unknownOption', () => {
  it('names the first, and what may be meant or what there is', () => {
    const known = ['seed', 'signal'];
    expect(unknownOption({ seed: 1, sed: 2 }, known)).toBe("there is no option 'sed'. Did you mean 'seed'?");
    expect(unknownOption({ 'a\u001b': 1 }, known)).toBe(
      "there is no option 'a\\u001b'. There is seed, signal.",
    );
  });

  it('passes over what is undefined', () => {
    expect(unknownOption({ seed: 1, other: undefined }, ['seed'])).toBeUndefined();
  });
});
