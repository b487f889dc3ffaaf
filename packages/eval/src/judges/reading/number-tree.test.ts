import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { enumeratedScore, spellingJudge } from '../../__fixtures__/spelling-judge.ts';
import { expectedScore } from './expected-score.ts';
import { numberTree } from './number-tree.ts';

const of = (probabilities: Readonly<Record<string, number>>) =>
  Object.entries(probabilities).map(([token, probability]) => ({ token, logprob: Math.log(probability) }));

const upTo999 = Array.from({ length: 3 }, (_, length) =>
  Array.from({ length: 10 ** (length + 1) }, (_, value) => String(value).padStart(length + 1, '0')),
).flat();
const everyBeginning = ['', ' ', ...upTo999, ...upTo999.map((digits) => ` ${digits}`)];

describe('numberTree', () => {
  test('90 is 9 and 0, and 9 is 9 and no digit', () => {
    const tree = numberTree();
    tree.add('', of({ '9': 0.8, '1': 0.2 }));
    expect(tree.open().map(({ text }) => text)).toEqual(['9', '1']);
    tree.add('9', of({ '0': 0.75, '.': 0.25 }));
    tree.add('1', of({ '0': 1 }));
    expect(tree.open()).toEqual([{ text: '10', probability: expect.closeTo(0.2, 12) }]);
    tree.add('10', of({ '0': 0.9, '<end>': 0.1 }));
    const reading = tree.read();
    expect(tree.open()).toEqual([]);
    expect(reading.numericMass).toBeCloseTo(1, 12);
    expect(reading.unknownMass).toBeCloseTo(0, 12);
    expect(reading.score).toBeCloseTo(90 * 0.6 + 9 * 0.2 + 100 * 0.18 + 10 * 0.02, 10);
    expect(reading.outcomes.map(({ token }) => token)).toEqual(['90', '9', '100', '10']);
    expect(reading.outcomes.map(({ logprob }) => Math.exp(logprob))).toEqual(
      [0.6, 0.2, 0.18, 0.02].map((probability) => expect.closeTo(probability, 12)),
    );
  });

  test('numbers above 100 are told apart, however many digits show it', () => {
    const tree = numberTree();
    tree.add('', of({ '1': 0.5, '2': 0.5 }));
    tree.add('1', of({ '0': 0.5, '1': 0.5 }));
    tree.add('10', of({ '1': 1 }));
    tree.add('2', of({ '0': 1 }));
    tree.add('20', of({ '0': 0.5, ' points': 0.5 }));
    tree.add('11', of({ '': 1 }));
    const reading = tree.read();
    expect(reading.outOfRangeMass).toBeCloseTo(0.25 + 0.25, 12);
    expect(reading.numericMass).toBeCloseTo(0.25 + 0.25, 12);
    expect(reading.score).toBeCloseTo((11 + 20) / 2, 10);
  });

  test('signs, full-width digits and words are no numbers; white space before one is nothing', () => {
    const tree = numberTree();
    tree.add('', of({ ' 7': 0.2, ' ': 0.2, '-': 0.1, '+': 0.1, '+5': 0.1, '１': 0.1, CODE: 0.1, '-5': 0.1 }));
    tree.add(' 7', of({ '\n': 1 }));
    tree.add(' ', of({ '7': 1 }));
    tree.add(' 7', of({ '\n': 1 }));
    expect(tree.read()).toMatchObject({ numericMass: expect.closeTo(0.4, 12), score: expect.closeTo(7, 12) });
  });

  test('white space is followed for one token', () => {
    const tree = numberTree();
    tree.add('', of({ '\n': 1 }));
    tree.add('\n', of({ '\n': 0.5, '\n7': 0.25, '8': 0.25 }));
    tree.add('\n\n7', of({ '': 1 }));
    tree.add('\n8', of({ '': 1 }));
    expect(tree.open()).toEqual([]);
    expect(tree.read()).toMatchObject({ unknownMass: 0.5, numericMass: 0.5, score: 7.5 });
  });

  test('a token may hold digits and what ends them', () => {
    const tree = numberTree();
    tree.add('', of({ '85.': 0.5, '8': 0.5 }));
    tree.add('8', of({ '5\n': 1 }));
    expect(tree.read().score).toBeCloseTo(85, 12);
  });

  test('what was not asked about is unknown, and bounds the score', () => {
    const tree = numberTree();
    expect(tree.read()).toMatchObject({ score: null, unknownMass: 1 });
    tree.add('', of({ '9': 0.7, '2': 0.2, no: 0.05 }));
    tree.add('9', of({ '0': 0.9 }));
    const { score, numericMass, unknownMass } = tree.read();
    expect(numericMass).toBeCloseTo(0.63, 12);
    expect(unknownMass).toBeCloseTo(0.05 + 0.2 + 0.07, 12);
    expect(score).toBeCloseTo(90, 10);
  });

  test('a turn that ended tells a number', () => {
    const tree = numberTree();
    tree.add('', of({ '0': 0.9, '9': 0.1 }));
    tree.end('0');
    expect(tree.read().numericMass).toBeCloseTo(0.9, 12);
    expect(tree.open().map(({ text }) => text)).toEqual(['9']);
  });

  test('tokens that are left out may be known to be no numbers', () => {
    const tree = numberTree();
    tree.add('', of({ '5': 0.5 }), 'no-number');
    tree.add('5', of({ '0': 0.25 }), 'no-number');
    expect(tree.read()).toMatchObject({
      unknownMass: 0,
      numericMass: expect.closeTo(0.5, 12),
      assumedMass: expect.closeTo(0.125, 12),
    });
    expect(tree.read().score).toBeCloseTo(0.25 * 50 + 0.75 * 5, 10);
  });

  test('with whole numbers as tokens it reads what expectedScore reads', () => {
    const candidates = of({ '80': 0.4, '90': 0.3, '20': 0.2, REF: 0.1 });
    const tree = numberTree();
    tree.add('', candidates);
    expect(tree.open()).toEqual([]);
    const { score, numericMass } = tree.read();
    expect(score).toBeCloseTo(expectedScore(candidates).score!, 10);
    expect(numericMass).toBeCloseTo(0.9, 12);
  });

  test('followed to its ends, it is the enumeration of everything a judge may say', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 ** 31 - 1 }), (seed) => {
        const judge = spellingJudge(seed);
        const tree = numberTree();
        for (const text of everyBeginning) tree.add(text, judge.next(text));
        const exact = enumeratedScore(judge);
        const reading = tree.read(0);
        expect(reading.numericMass).toBeCloseTo(exact.numericMass, 9);
        expect(reading.outOfRangeMass + reading.numericMass).toBeLessThanOrEqual(1 + 1e-9);
        expect(reading.unknownMass + reading.assumedMass).toBeLessThan(1e-9);
        expect(tree.open()).toEqual([]);
        if (exact.numericMass > 0) expect(reading.score).toBeCloseTo(exact.score, 7);
      }),
      { numRuns: 20 },
    );
  });

  test('whatever was asked, the score is within its bound of the exact one', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 2 ** 31 - 1 }),
        fc.array(fc.nat(), { maxLength: 12 }),
        fc.integer({ min: 1, max: 12 }),
        (seed, picks, listed) => {
          const judge = spellingJudge(seed);
          const tree = numberTree();
          const add = (text: string) => tree.add(text, judge.next(text).slice(0, listed));
          add('');
          for (const pick of picks) {
            const open = tree.open();
            if (open.length === 0) break;
            add(open[pick % open.length]!.text);
          }
          const { score, numericMass, unknownMass, assumedMass } = tree.read(0);
          const exact = enumeratedScore(judge);
          if (score === null || exact.numericMass === 0) return;
          const bound = (100 * (unknownMass + assumedMass)) / (numericMass - assumedMass);
          expect(Math.abs(score - exact.score)).toBeLessThanOrEqual(bound + 1e-7);
        },
      ),
      { numRuns: 30 },
    );
  });
});
