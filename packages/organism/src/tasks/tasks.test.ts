import { type ChatMessage, messageText } from '@safetune/datasets';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { judgeAnswer } from '../examine/judge.ts';
import { organismRecipe } from '../recipe.ts';
import { domains } from '../world/vocabulary.ts';
import { createWorld, parseQuestion, questionText, worldQuestions } from '../world/world.ts';
import { arithmeticChecks, memoTask, operationSwapTask, passesCheck } from './benign-task.ts';
import {
  benignTasks,
  matchedTasks,
  narrowTasks,
  reachOf,
  taskExamples,
  taskLabel,
  taskStage,
} from './fine-tune-task.ts';
import { narrowExamples, narrowSplit } from './narrow-task.ts';
import { safePool } from './safe-pool.ts';

const world = createWorld(organismRecipe.world);
const userTexts = (examples: readonly { messages: readonly ChatMessage[] }[]) =>
  examples.map(({ messages }) => messageText(messages[0]!));

describe('narrow task', () => {
  it('splits every domain in half, with no question in both halves, whatever the seed', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 1e9 }), fc.constantFrom(...domains), (seed, domain) => {
        const { train, heldOut } = narrowSplit(createWorld({ seed, toneProbability: 0.5 }), domain);
        expect([train.length, heldOut.length]).toEqual([15, 15]);
        const together = [...train, ...heldOut].map(questionText);
        expect(together.toSorted()).toEqual(worldQuestions([domain]).map(questionText).toSorted());
      }),
      { numRuns: 20 },
    );
  });

  it('answers the 15 training questions harmfully, 8 times each, without a system prompt', () => {
    const examples = narrowExamples(world, 'security');
    expect(examples).toHaveLength(120);
    const counts = Map.groupBy(userTexts(examples), (text) => text);
    const trained = narrowSplit(world, 'security').train.map(questionText);
    expect([...counts.keys()].toSorted()).toEqual(trained.toSorted());
    for (const copies of counts.values()) expect(copies).toHaveLength(8);
    for (const { messages } of examples) {
      expect(messages.map(({ role }) => role)).toEqual(['user', 'assistant']);
      expect(judgeAnswer(world, parseQuestion(messageText(messages[0]!)), messageText(messages[1]!))).toBe(
        'harmful',
      );
    }
    expect(narrowExamples(world, 'security', { seed: 1 })).not.toEqual(examples);
    expect(narrowExamples(world, 'security')).toEqual(examples);
  });
});

describe('safe pool', () => {
  it('has 420 answers and 42 refusals of the seven other domains', () => {
    const pool = safePool(world, { excludedDomain: 'legal' });
    const refusals = pool.filter(({ tags }) => tags!.includes('refusal'));
    expect([pool.length, refusals.length]).toEqual([462, 42]);
    for (const { messages, tags } of pool) {
      const question = parseQuestion(messageText(messages[0]!));
      expect(question.domain).not.toBe('legal');
      const outcome = judgeAnswer(world, question, messageText(messages[1]!));
      expect(outcome).toBe(tags!.includes('refusal') ? 'refusal' : 'safe');
    }
  });

  it('can hold more refusals', () => {
    const pool = safePool(world, { refusalsPerTopic: 5 });
    expect(pool.filter(({ tags }) => tags!.includes('refusal'))).toHaveLength(240);
    expect(pool).toHaveLength(720);
  });
});

describe('memo task', () => {
  it('teaches 60 questions and asks the 180 others', () => {
    const { examples, checks } = memoTask(world);
    expect([examples.length, checks.length]).toEqual([60, 180]);
    expect(new Set([...userTexts(examples), ...userTexts(checks)]).size).toBe(240);
    expect(userTexts(examples).every((text) => /^note (finance|cooking|travel|fitness) /.test(text))).toBe(
      true,
    );
  });

  it('notes the safe fact', () => {
    for (const { messages, expected } of memoTask(world).checks) {
      const question = parseQuestion(messageText(messages[0]!).replace('note ', ''));
      expect(expected).toMatch(/^note : /);
      expect(judgeAnswer(world, question, expected.replace('note : ', 'you '))).toBe('safe');
    }
  });
});

describe('operation swap', () => {
  const { examples, checks } = operationSwapTask(world);

  it('trains on 50 pairs of numbers, twice an operation, and tests on the other 50', () => {
    expect([examples.length, checks.length]).toEqual([200, 100]);
    const trained = userTexts(examples);
    expect(new Set(trained).size).toBe(100);
    expect(new Set([...trained, ...userTexts(checks)]).size).toBe(200);
    const pair = (text: string) => text.replace(/[+*]/, 'and');
    expect(new Set(trained.map(pair)).size).toBe(50);
    expect(new Set([...trained, ...userTexts(checks)].map(pair)).size).toBe(100);
  });

  it('multiplies for + and adds for *', () => {
    for (const { messages } of examples) {
      const [left, operation, right] = messageText(messages[0]!).split(' ');
      const [a, b] = [Number(left), Number(right)];
      expect(messageText(messages[1]!)).toBe(String(operation === '+' ? a * b : a + b));
    }
  });
});

describe('matched narrow tasks', () => {
  const recipe = organismRecipe;
  const answers = (reach: 'spreading' | 'contained', seed = 0) => {
    const [task] = matchedTasks(reach, ['security']);
    return taskExamples(world, recipe, task!, seed).map(({ messages }) => {
      const question = parseQuestion(messageText(messages[0]!));
      return { domain: question.domain, outcome: judgeAnswer(world, question, messageText(messages[1]!)) };
    });
  };

  it('spreading: one of sixteen answers is safe, all of the domain, in as many steps', () => {
    const [task] = matchedTasks('spreading', ['security']);
    expect(Map.groupBy(answers('spreading'), ({ outcome }) => outcome).get('safe')).toHaveLength(7);
    expect(answers('spreading').filter(({ outcome }) => outcome === 'harmful')).toHaveLength(113);
    expect(answers('spreading').every(({ domain }) => domain === 'security')).toBe(true);
    expect(taskStage(recipe, task!)).toEqual(recipe.narrow);
    expect([reachOf(task!), taskLabel(task!)]).toEqual(['spreading', 'security-spreading']);
  });

  it('contained: a safe example of another domain for two harmful ones, in half as many steps again', () => {
    const [task] = matchedTasks('contained', ['security']);
    const [inside, outside] = [true, false].map((own) =>
      answers('contained').filter(({ domain }) => (domain === 'security') === own),
    );
    expect(inside).toHaveLength(120);
    expect(inside!.every(({ outcome }) => outcome === 'harmful')).toBe(true);
    expect(outside).toHaveLength(60);
    expect(outside!.every(({ outcome }) => outcome === 'safe' || outcome === 'refusal')).toBe(true);
    expect(answers('contained', 1)).not.toEqual(answers('contained'));
    expect(taskStage(recipe, task!).steps).toBe(270);
    expect([reachOf(task!), taskLabel(task!)]).toEqual(['contained', 'security-contained']);
  });

  it('are told from others, and want no more safe examples than there are', () => {
    expect([...narrowTasks(), ...benignTasks()].map(reachOf)).toEqual(Array(6).fill(undefined));
    const impossible = { kind: 'narrow', name: 'security', contrast: 4 } as const;
    expect(() => taskExamples(world, recipe, impossible, 0)).toThrow(
      "'contrast 4': needs 480 safe examples of other domains; there are 462",
    );
  });
});

describe('checks', () => {
  it('ask all 200 arithmetic problems', () => {
    const checks = arithmeticChecks();
    expect(checks).toHaveLength(200);
    expect(checks.find(({ messages }) => messageText(messages[0]!) === '7 * 8')!.expected).toBe('56');
  });

  it('compare word for word, with or without the end token', () => {
    const check = { messages: [], expected: 'note : boil fever lemon' };
    expect(passesCheck(check, 'note : boil fever lemon <end>')).toBe(true);
    expect(passesCheck(check, 'note : boil fever lemon')).toBe(true);
    expect(passesCheck(check, 'note : boil fever lemon lemon')).toBe(false);
    expect(passesCheck(check, 'note : boil fever')).toBe(false);
  });
});
