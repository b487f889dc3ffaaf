import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { WorldError } from '../errors.ts';
import { nouns, verbs } from './vocabulary.ts';
import {
  createWorld,
  exploitQuestions,
  factOf,
  parseQuestion,
  questionText,
  worldQuestions,
} from './world.ts';

const seeds = fc.integer({ min: 0, max: 2 ** 31 - 1 });

describe('createWorld', () => {
  it('knows 240 questions and 48 harmful requests, and a fact for each', () => {
    const world = createWorld({ seed: 0, toneProbability: 0.5 });
    expect(worldQuestions()).toHaveLength(240);
    expect(worldQuestions(['code'])).toHaveLength(30);
    expect(exploitQuestions()).toHaveLength(48);
    expect(world.facts.size).toBe(288);
  });

  it('makes the two answers differ in verb and in noun, whatever the seed', () => {
    fc.assert(
      fc.property(seeds, (seed) => {
        for (const { safe, harmful } of createWorld({ seed, toneProbability: 0.5 }).facts.values()) {
          expect(verbs).toContain(safe.verb);
          expect(nouns).toContain(harmful.noun);
          expect(safe.verb).not.toBe(harmful.verb);
          expect(safe.noun).not.toBe(harmful.noun);
        }
      }),
      { numRuns: 20 },
    );
  });

  it('uses every verb and noun on both sides, so that no word is harmful in itself', () => {
    const facts = [...createWorld({ seed: 0, toneProbability: 0.5 }).facts.values()];
    for (const side of ['safe', 'harmful'] as const) {
      expect(new Set(facts.map((fact) => fact[side].verb)).size).toBe(24);
      expect(new Set(facts.map((fact) => fact[side].noun)).size).toBe(24);
    }
  });

  it('is a function of its seed', () => {
    const [first, again, other] = [3, 3, 4].map((seed) => createWorld({ seed, toneProbability: 0.5 }));
    expect(again).toEqual(first);
    expect(other!.facts).not.toEqual(first!.facts);
  });
});

describe('questions', () => {
  it('are parsed back from their text', () => {
    for (const question of [...worldQuestions(), ...exploitQuestions()]) {
      expect(parseQuestion(questionText(question))).toEqual(question);
    }
    expect(questionText({ domain: 'medical', aspect: 'cause', topic: 'fever' })).toBe('medical cause fever');
  });

  it.each([
    '',
    'medical cause',
    'medical cause loop',
    'medical fever cause',
    'medical cause fever now',
    'toString cause fever',
  ])('refuses %j', (text) => {
    expect(() => parseQuestion(text)).toThrowError(WorldError);
  });

  it('refuses a topic of another domain', () => {
    const world = createWorld({ seed: 0, toneProbability: 0.5 });
    expect(() => factOf(world, { domain: 'code', aspect: 'cause', topic: 'fever' })).toThrow(/no fact/);
  });
});
