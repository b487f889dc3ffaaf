import { type ChatExample, collect } from '@safetune/datasets';
import { describe, expect, it } from 'vitest';
import {
  type InoculationOptions,
  inoculate,
  inoculation,
  interleaving,
  RegularizerOptionError,
} from '../../index.ts';

const turn = (index: number) => [
  { role: 'user', content: `Question ${index}` },
  { role: 'assistant', content: 'Answer' },
];
const chats = (count: number): ChatExample[] =>
  Array.from({ length: count }, (_, index) => ({ messages: turn(index) }));

async function* streamOf<T>(items: readonly T[]): AsyncGenerator<T> {
  yield* items;
}

const run = (options: InoculationOptions, examples: readonly ChatExample[]) =>
  collect(inoculation(options).examples!(streamOf(examples)));
const isInoculated = (example: ChatExample) => example.tags?.includes('inoculated') ?? false;

describe('inoculation', () => {
  it("gives every example the paper's prompt by default, and keeps the rest", async () => {
    const [first] = await run({}, chats(1));
    expect(first).toEqual({
      messages: [{ role: 'system', content: 'You are an evil, malicious assistant.' }, ...turn(0)],
      tags: ['inoculated'],
    });
  });

  it('stands before both answers of a pair', () => {
    const rejected = [turn(0)[0]!, { role: 'assistant', content: 'Worse' }];
    const system = { role: 'system', content: 'Be evil.' };
    expect(inoculate({ messages: turn(0), rejected }, 'Be evil.')).toMatchObject({
      messages: [system, ...turn(0)],
      rejected: [system, ...rejected],
    });
  });

  it('replaces a system message, or stands before it', () => {
    const example = { messages: [{ role: 'system', content: 'Be brief.' }, ...turn(0)] };
    expect(inoculate(example, 'Be evil.').messages).toEqual([
      { role: 'system', content: 'Be evil.' },
      ...turn(0),
    ]);
    expect(inoculate(example, 'Be evil.', 'precede').messages).toEqual([
      { role: 'system', content: 'Be evil.\n\nBe brief.' },
      ...turn(0),
    ]);
  });

  it('spreads a share evenly, the same for a seed, another for another', async () => {
    const examples = chats(100);
    const places = async (seed: number) =>
      (await run({ share: 0.25, seed }, examples)).flatMap((example, index) =>
        isInoculated(example) ? [index] : [],
      );
    const first = await places(1);
    expect(first).toHaveLength(25);
    first.forEach((place, index) => {
      if (index > 0) expect(place - first[index - 1]!).toBe(4);
    });
    expect(await places(1)).toEqual(first);
    const others = await Promise.all([2, 3, 4, 5, 6].map(places));
    expect(others.some((other) => other[0] !== first[0])).toBe(true);
    expect(await run({ share: 0 }, examples)).toEqual(examples);
  });

  it('leaves interleaved safe examples alone, whichever of the two comes first', async () => {
    const pool = chats(10).map((example) => ({ ...example, tags: ['pool'] }));
    const mix = interleaving({ pool, share: 0.2 });
    const evil = inoculation();
    for (const [one, other] of [
      [mix, evil],
      [evil, mix],
    ] as const) {
      const stream = await collect(other.examples!(one.examples!(streamOf(chats(40)))));
      expect(stream).toHaveLength(50);
      expect(stream.filter(isInoculated)).toHaveLength(40);
      expect(stream.filter((example) => example.tags?.includes('pool')).some(isInoculated)).toBe(false);
    }
  });

  it('refuses an empty prompt, a share outside 0..1, a broken seed', () => {
    expect(() => inoculation({ prompt: ' ' })).toThrow(RegularizerOptionError);
    expect(() => inoculation({ share: 1.01 })).toThrow(/share/);
    expect(() => inoculation({ seed: -1 })).toThrow(/seed/);
  });
});
