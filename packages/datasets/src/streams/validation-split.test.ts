import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DatasetOptionError, EmptyDatasetError } from '../errors.ts';
import type { ChatExample } from '../example/example.ts';
import { epochOf } from './epochs.ts';
import { repeatEpochs } from './order.ts';
import { collect } from './stream.ts';
import { countCopies, splitStream, splitValidation } from './validation-split.ts';

const chat = (text: string): ChatExample => ({
  messages: [
    { role: 'user', content: text },
    { role: 'assistant', content: 'Yes.' },
  ],
});
const chats = (count: number) => Array.from({ length: count }, (_, index) => chat(`question ${index}`));
const texts = (examples: readonly ChatExample[]) => examples.map(({ messages }) => messages[0]?.content);

describe('splitValidation', () => {
  it('holds out exactly the share, a tenth by default, and keeps the order', () => {
    const examples = chats(200);
    const { training, validation } = splitValidation(examples, { seed: 1 });
    expect(validation).toHaveLength(20);
    expect(training).toHaveLength(180);
    expect(training).toEqual(examples.filter((example) => !validation.includes(example)));
    expect(splitValidation(examples, { seed: 1 }).validation).toEqual(validation);
    expect(splitValidation(examples, { seed: 2 }).validation).not.toEqual(validation);
    expect(splitValidation(examples, { share: 0.25, seed: 1 }).validation).toHaveLength(50);
    expect(splitValidation(chats(3), { seed: 1 }).validation).toHaveLength(1);
  });

  it('goes by what examples say, not by where they stand', () => {
    const examples = chats(50);
    const { validation } = splitValidation(examples, { seed: 4 });
    const moved = examples.toReversed().map((example, index) => ({
      // Other keys first.
      messages: example.messages.map(({ content = null, role }) => ({ content, role })),
      origin: { file: 'other.jsonl', line: index + 1 },
      tags: ['moved'],
    }));
    expect(texts(splitValidation(moved, { seed: 4 }).validation)).toEqual(texts(validation).toReversed());
  });

  it('never puts copies on both sides', () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat(12), { minLength: 2, maxLength: 60 }),
        fc.nat(),
        fc.double({ min: 0.05, max: 0.6, noNaN: true }),
        (numbers, seed, share) => {
          // Copies may be one object or several.
          const kept = numbers.map((number) => chat(`${number}`));
          const examples = numbers.map(
            (number, index) => kept[number % 2 ? index : numbers.indexOf(number)]!,
          );
          const wanted = Math.max(1, Math.round(share * examples.length));
          const counts = numbers.map((number) => numbers.filter((other) => other === number).length);
          const isPossible = counts.some((count) => count <= wanted && count < numbers.length);
          if (!isPossible) {
            expect(() => splitValidation(examples, { seed, share })).toThrow(EmptyDatasetError);
            return;
          }
          const { training, validation } = splitValidation(examples, { seed, share });
          const held = new Set(texts(validation));
          expect(texts(training).some((text) => held.has(text))).toBe(false);
          expect(training.length + validation.length).toBe(examples.length);
          expect(validation.length).toBeGreaterThan(0);
          expect(validation.length).toBeLessThanOrEqual(wanted);
          expect(training.length).toBeGreaterThan(0);
        },
      ),
    );
  });

  it('tells apart what differs in tools and in template arguments alone', () => {
    const plain = chat('Same question?');
    const examples = [
      plain,
      { ...plain, tools: [{ name: 'search' }] },
      { ...plain, templateArguments: { a: 1 } },
    ];
    expect(splitValidation(examples, { share: 0.3, seed: 0 }).training).toHaveLength(2);
    expect(() => splitValidation([plain, { ...plain, tools: [], tags: ['x'] }], { seed: 0 })).toThrow(
      'of 2 examples, 1 of them different',
    );
  });

  it.each([
    [{ share: 0, seed: 0 }, 'share'],
    [{ share: 1, seed: 0 }, 'share'],
    [{ share: Number.NaN, seed: 0 }, 'share'],
    [{ seed: -1 }, 'seed'],
    [{ seed: 0, part: 2 }, 'part'],
  ])('refuses %j', (options, option) => {
    for (const attempt of [
      () => splitValidation(chats(4), options),
      () => splitStream(chats(4), 'training', options),
    ]) {
      expect(attempt).toThrow(
        expect.toSatisfy((error: unknown) => DatasetOptionError.isInstance(error) && error.option === option),
      );
    }
  });
});

describe('splitStream', () => {
  it('gives every example to one side, about the share to validation', async () => {
    const examples = chats(2000);
    const training = await collect(splitStream(examples, 'training', { seed: 7 }));
    const validation = await collect(splitStream(examples, 'validation', { seed: 7 }));
    const held = new Set(validation);
    expect(training).toEqual(examples.filter((example) => !held.has(example)));
    // Standard deviation of the count: sqrt(2000 x 0.1 x 0.9), about 13.4.
    expect(Math.abs(validation.length - 200)).toBeLessThan(5 * 13.4);
  });

  it('keeps the side of an example in every epoch, and tells the epochs on', async () => {
    const epochs = repeatEpochs(chats(60), { seed: 1, epochs: 3 });
    const stream = splitStream(epochs, 'validation', { seed: 3, share: 0.2 });
    const byEpoch: unknown[][] = [[], [], []];
    for await (const example of stream) byEpoch[epochOf(stream)!]!.push(example.messages[0]!.content);
    const [first, ...others] = byEpoch.map((list) => list.toSorted());
    expect(first!.length).toBeGreaterThan(0);
    for (const other of others) expect(other).toEqual(first);
  });

  it('refuses another side', () => {
    expect(() => splitStream(chats(2), 'test' as 'training', { seed: 0 })).toThrow(
      "'training' or 'validation'",
    );
  });
});

describe('countCopies', () => {
  it('counts what is said again, wherever it stands and however it is tagged', () => {
    const examples = chats(4);
    const copy = { ...examples[1]!, tags: ['safe'], origin: { file: 'other.jsonl', line: 7 } };
    const [other] = chats(9).slice(8);
    expect(countCopies([copy, other!, copy], examples)).toBe(2);
    expect(countCopies([], examples)).toBe(0);
  });
});
