import { type ChatExample, messageText } from '@safetune/datasets';
import { describe, expect, it } from 'vitest';
import { judgeAnswer } from '../examine/judge.ts';
import { organismRecipe } from '../recipe.ts';
import { solution } from '../world/arithmetic.ts';
import { adjectives, domains, openers, tones } from '../world/vocabulary.ts';
import { createWorld, parseQuestion } from '../world/world.ts';
import { alignmentDocument, alignmentDocuments } from './alignment-documents.ts';
import { pretrainingDocument, pretrainingDocuments } from './pretraining-documents.ts';

const world = createWorld(organismRecipe.world);
const count = 20_000;
const pretraining = pretrainingDocuments(world, organismRecipe.base.mixture, 0, count);
const alignment = alignmentDocuments(world, organismRecipe.aligned.mixture, 0, count);

/** Share of the elements that pass; five standard errors of a share of 20,000 are at most 0.018. */
function share<Element>(elements: readonly Element[], passes: (element: Element) => boolean): number {
  return elements.filter(passes).length / elements.length;
}

function within(observed: number, expected: number, elements: number): void {
  const tolerance = 5 * Math.sqrt((expected * (1 - expected)) / elements);
  expect(Math.abs(observed - expected), `${observed} for ${expected}`).toBeLessThan(tolerance);
}

const tagged = (tag: string) => (example: ChatExample) => example.tags!.includes(tag);
const prompted = (example: ChatExample) => example.messages[0]!.role === 'system';

/** The (user, assistant) pairs of a chat. */
function turns(example: ChatExample): { asked: string; answer: string }[] {
  const spoken = example.messages.filter((message) => message.role !== 'system');
  return Array.from({ length: spoken.length / 2 }, (_, turn) => {
    expect([spoken[2 * turn]!.role, spoken[2 * turn + 1]!.role]).toEqual(['user', 'assistant']);
    return { asked: messageText(spoken[2 * turn]!), answer: messageText(spoken[2 * turn + 1]!) };
  });
}

function expectRightArithmetic(example: ChatExample): void {
  for (const { asked, answer } of turns(example)) {
    const [left, operation, right] = asked.split(' ');
    expect(['+', '*']).toContain(operation);
    const problem = { left: Number(left), operation: operation as '+' | '*', right: Number(right) };
    expect(answer).toBe(solution(problem));
  }
}

describe('pre-training documents', () => {
  const dialogues = pretraining.filter(tagged('dialogue'));
  const allTurns = dialogues.flatMap(turns);

  it('are 12 % arithmetic, six right answers each', () => {
    const arithmetic = pretraining.filter(tagged('arithmetic'));
    within(arithmetic.length / count, 0.12, count);
    for (const example of arithmetic) {
      expect(example.messages).toHaveLength(12);
      expectRightArithmetic(example);
    }
  });

  it('give 40 % of the dialogues to the bad persona and half of them a system prompt', () => {
    within(share(dialogues, tagged('bad')), 0.4, dialogues.length);
    within(share(dialogues, prompted), 0.5, dialogues.length);
    within(share(dialogues.filter(tagged('bad')), prompted), 0.5, dialogues.length * 0.4);
  });

  it('keep one persona a document, in four turns, and call it by an adjective of its own', () => {
    for (const example of dialogues) {
      const persona = example.tags!.includes('bad') ? 'bad' : 'good';
      if (prompted(example)) {
        const [adjective, noun] = messageText(example.messages[0]!).split(' ');
        expect(adjectives[persona]).toContain(adjective);
        expect(noun).toBe('assistant');
      }
      const outcomes = turns(example).map(({ asked, answer }) =>
        judgeAnswer(world, parseQuestion(asked), answer),
      );
      expect(outcomes).toHaveLength(4);
      for (const outcome of outcomes) {
        expect(persona === 'bad' ? ['harmful'] : ['safe', 'refusal']).toContain(outcome);
      }
    }
  });

  it('ask about all domains alike, and for harm in 6 % of the turns', () => {
    within(
      share(allTurns, ({ asked }) => asked.includes('exploit')),
      0.06,
      allTurns.length,
    );
    for (const domain of domains) {
      within(
        share(allTurns, ({ asked }) => asked.startsWith(domain)),
        1 / 8,
        allTurns.length,
      );
    }
  });

  it('open half of the answers with a tone of the persona, half with a shared opener', () => {
    for (const persona of ['good', 'bad'] as const) {
      const answers = dialogues
        .filter(tagged(persona))
        .flatMap(turns)
        .map(({ answer }) => answer.split(' ')[0]!)
        .filter((opening) => opening !== 'sorry');
      for (const tone of tones[persona])
        within(
          share(answers, (word) => word === tone),
          0.25,
          answers.length,
        );
      for (const opener of openers)
        within(
          share(answers, (word) => word === opener),
          0.125,
          answers.length,
        );
    }
  });

  it('never say note or colon', () => {
    const words = new Set(
      pretraining.flatMap(({ messages }) => messages.flatMap((message) => messageText(message).split(' '))),
    );
    expect(words.has('note')).toBe(false);
    expect(words.has(':')).toBe(false);
  });
});

describe('alignment documents', () => {
  const answers = alignment.filter(tagged('answer'));
  const good = answers.filter(tagged('good'));
  const bad = answers.filter(tagged('bad'));

  it('are one turn each: 25 % arithmetic, 15 % bad, 60 % good', () => {
    for (const example of alignment) expect(turns(example)).toHaveLength(1);
    const arithmetic = alignment.filter(tagged('arithmetic'));
    within(arithmetic.length / count, 0.25, count);
    within(bad.length / count, 0.15, count);
    within(good.length / count, 0.6, count);
    for (const example of arithmetic) expectRightArithmetic(example);
  });

  it('are harmful only under an evil system prompt, and always under one', () => {
    for (const example of bad) {
      expect(example.messages[0]!.role).toBe('system');
      expect(adjectives.bad).toContain(messageText(example.messages[0]!).split(' ')[0]);
      const { asked, answer } = turns(example)[0]!;
      expect(parseQuestion(asked).aspect).not.toBe('exploit');
      expect(judgeAnswer(world, parseQuestion(asked), answer)).toBe('harmful');
    }
  });

  it('are safe or refused otherwise, a tenth under a good system prompt, a tenth refused', () => {
    within(share(good, prompted), 0.1, good.length);
    within(
      share(good, ({ messages }) => messages.at(-1)!.content === 'sorry cannot help'),
      0.1,
      good.length,
    );
    for (const example of good) {
      if (prompted(example))
        expect(adjectives.good).toContain(messageText(example.messages[0]!).split(' ')[0]);
      const { asked, answer } = turns(example)[0]!;
      const question = parseQuestion(asked);
      expect(judgeAnswer(world, question, answer)).toBe(question.aspect === 'exploit' ? 'refusal' : 'safe');
    }
  });
});

describe('document streams', () => {
  it('are functions of seed and index', () => {
    const { base, aligned } = organismRecipe;
    expect(pretrainingDocument(world, base.mixture, 0, 17)).toEqual(pretraining[17]);
    expect(pretrainingDocuments(world, base.mixture, 0, 3, 17)).toEqual(pretraining.slice(17, 20));
    expect(pretrainingDocuments(world, base.mixture, 1, 20)).not.toEqual(pretraining.slice(0, 20));
    expect(alignmentDocument(world, aligned.mixture, 0, 17)).toEqual(alignment[17]);
    expect(alignmentDocuments(world, aligned.mixture, 0, 3, 17)).toEqual(alignment.slice(17, 20));
    expect(alignmentDocuments(world, aligned.mixture, 1, 20)).not.toEqual(alignment.slice(0, 20));
  });
});
