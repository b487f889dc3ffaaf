import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { seededDraws } from '../random.ts';
import { estimatedSimilarity, minHash } from './min-hash.ts';
import { SimilarTexts } from './similar-texts.ts';
import { forEachShingle } from './words.ts';

/** The definition: words in lower case, three in a row, as sets. */
function jaccard(one: string, other: string): number {
  const shingles = (text: string) => {
    const words = text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];
    return new Set(words.slice(2).map((_, at) => words.slice(at, at + 3).join(' ')));
  };
  const [a, b] = [shingles(one), shingles(other)];
  const both = [...a].filter((shingle) => b.has(shingle)).length;
  return both / (a.size + b.size - both);
}

const draw = seededDraws(5);
const words = (count: number) => Array.from({ length: count }, () => `w${draw(0, 5000)}`);
/** A text and one of which some words were changed. */
function pair(length: number, changes: number): [string, string] {
  const one = words(length);
  const other = [...one];
  for (let change = 0; change < changes; change += 1) other[draw(0, length - 1)] = `x${draw(0, 5000)}`;
  return [one.join(' '), other.join(' ')];
}
const pairs = Array.from({ length: 300 }, (_, index) => pair(60 + (index % 7) * 40, index % 40));

describe('minHash', () => {
  it('estimates the Jaccard similarity without bias, within what 128 hash functions can', () => {
    const errors = pairs.map(([one, other]) => {
      const estimate = estimatedSimilarity(minHash(one)!, minHash(other)!);
      return { error: estimate - jaccard(one, other), exact: jaccard(one, other) };
    });
    expect(Math.min(...errors.map(({ exact }) => exact))).toBeLessThan(0.3);
    expect(Math.max(...errors.map(({ exact }) => exact))).toBe(1);
    const mean = errors.reduce((sum, { error }) => sum + error, 0) / errors.length;
    const rms = Math.sqrt(errors.reduce((sum, { error }) => sum + error ** 2, 0) / errors.length);
    expect(Math.abs(mean)).toBeLessThan(0.01);
    // sqrt(J (1 - J) / 128) is at most 0.044.
    expect(rms).toBeLessThan(0.044);
    expect(Math.max(...errors.map(({ error }) => Math.abs(error)))).toBeLessThan(0.17);
  });

  it('is blind to case, punctuation and repeats, and has nothing to say of texts without words', () => {
    expect(minHash('One, two -- THREE four!')).toEqual(minHash('one two three four'));
    expect(minHash('a b c a b c a b c')).toEqual(minHash('a b c a b c a b'));
    expect(minHash(' ... ')).toBeUndefined();
  });
});

describe('forEachShingle', () => {
  const count = (text: string) => {
    const found = new Set<number>();
    forEachShingle(text, (hash) => found.add(hash));
    return found.size;
  };
  it.each([
    ['', 0],
    ['one', 1],
    ['one two', 1],
    ['one two three', 1],
    ['one two three four', 2],
    ['我喜欢猫和狗', 4],
    ['abc我喜欢', 2],
  ])('%s', (text, expected) => {
    expect(count(text)).toBe(expected);
  });
});

describe('SimilarTexts', () => {
  const near = (threshold: number) => {
    const found = pairs.map(([one, other]) => {
      const texts = new SimilarTexts({ threshold, limit: 10 });
      texts.findOrAdd(one, 1);
      return { exact: jaccard(one, other), similarity: texts.findOrAdd(other, 2)?.similarity };
    });
    return found;
  };

  it('finds what is clearly beyond the threshold, and nothing that is clearly below', () => {
    const found = near(0.8);
    const beyond = found.filter(({ exact }) => exact > 0.92);
    const below = found.filter(({ exact }) => exact < 0.65);
    expect(beyond.length).toBeGreaterThan(10);
    expect(below.length).toBeGreaterThan(50);
    expect(beyond.filter(({ similarity }) => similarity === undefined)).toEqual([]);
    expect(below.filter(({ similarity }) => similarity !== undefined)).toEqual([]);
    for (const { exact, similarity } of found)
      if (similarity !== undefined) expect(Math.abs(similarity - exact)).toBeLessThan(0.17);
  });

  it('tells the most alike of many, also when it has grown, and does not add what it finds', () => {
    const texts = new SimilarTexts({ threshold: 0.8, limit: 100_000 });
    const kept = Array.from({ length: 2500 }, () => words(40).join(' '));
    for (const [id, text] of kept.entries()) expect(texts.findOrAdd(text, id)).toBeUndefined();
    for (const id of [0, 1023, 1024, 2499])
      expect(texts.findOrAdd(`${kept[id]} more`, 9999)).toMatchObject({ id });
    expect(texts.count).toBe(2500);
  });

  it('holds no more than its limit', () => {
    const texts = new SimilarTexts({ threshold: 0.8, limit: 2 });
    for (const [id, text] of ['a b c d', 'e f g h', 'i j k l'].entries()) texts.findOrAdd(text, id);
    expect(texts.count).toBe(2);
    expect(texts.findOrAdd('a b c d', 7)).toEqual({ id: 0, similarity: 1 });
    expect(texts.findOrAdd('i j k l', 7)).toBeUndefined();
  });

  it('takes any text', () => {
    const texts = new SimilarTexts({ threshold: 0.8, limit: 1000 });
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => void texts.findOrAdd(text, 1)));
  });
});
