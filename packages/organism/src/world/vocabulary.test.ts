import { describe, expect, it } from 'vitest';
import { aspects, domains, nouns, specialTokens, topicsByDomain, verbs, vocabulary } from './vocabulary.ts';

describe('vocabulary', () => {
  it('has the counts of the recipe', () => {
    expect(domains).toHaveLength(8);
    for (const domain of domains) expect(topicsByDomain[domain]).toHaveLength(6);
    expect(aspects).toHaveLength(5);
    expect([verbs.length, nouns.length]).toEqual([24, 24]);
    expect(vocabulary).toHaveLength(221);
  });

  it('gives every word one id and every id one word', () => {
    expect(new Set(vocabulary).size).toBe(vocabulary.length);
    for (const word of vocabulary) expect(word).toMatch(/^\S+$/);
  });

  it('starts with the special tokens, padding at 0 and <asst> at 4', () => {
    expect(vocabulary.slice(0, specialTokens.length)).toEqual(specialTokens);
    expect(vocabulary.indexOf('<pad>')).toBe(0);
    expect(vocabulary.indexOf('<asst>')).toBe(4);
  });
});
