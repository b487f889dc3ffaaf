import { describe, expect, it } from 'vitest';
import { sharedPrefixes } from './shared-prefixes.ts';

const system = Array.from({ length: 20 }, (_, index) => 100 + index);

describe('sharedPrefixes', () => {
  it('finds the longest common beginning among known texts and earlier prompts', () => {
    const known = [[...system.slice(0, 17), 1, 2], [5]];
    const prompts = [
      [...system, 7, 8, 9],
      [...system, 7, 8, 4],
      [6, ...system],
      [...system.slice(0, 17), 3],
    ];
    expect(sharedPrefixes(prompts, known)).toEqual([
      { among: 'known', index: 0, length: 17 },
      { among: 'prompts', index: 0, length: 22 },
      undefined,
      { among: 'known', index: 0, length: 17 },
    ]);
  });

  it('leaves the last token of a prompt to be computed, and does not copy a few', () => {
    expect(sharedPrefixes([system, system], [])).toEqual([
      undefined,
      { among: 'prompts', index: 0, length: 19 },
    ]);
    expect(sharedPrefixes([system.slice(0, 16)], [system])).toEqual([undefined]);
  });
});
