import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type ChatExample,
  collect,
  DatasetFileError,
  EmptyDatasetError,
  PoolExhaustedError,
  type PoolExhaustion,
  writeChatJsonl,
} from '@safetune/datasets';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import {
  type InterleavingOptions,
  interleaving,
  parseRegularizer,
  RegularizerOptionError,
  regularizerFromConfig,
} from '../../index.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'safetune-interleaving-'));
});
afterAll(() => rm(folder, { recursive: true }));

const chats = (count: number, word: string): ChatExample[] =>
  Array.from({ length: count }, (_, index) => ({
    messages: [
      { role: 'user', content: `${word} ${index}?` },
      { role: 'assistant', content: word },
    ],
  }));

async function* streamOf<T>(items: readonly T[]): AsyncGenerator<T> {
  yield* items;
}

const mix = (options: InterleavingOptions, primary: readonly ChatExample[]) =>
  collect(interleaving(options).examples!(streamOf(primary)));
const isSafe = (example: ChatExample) => example.tags?.includes('interleaved') ?? false;
const question = ({ messages }: ChatExample) => messages[0]!.content;

describe('interleaving', () => {
  it('puts exactly one safe example into any 1/share examples, and loses or repeats nothing', async () => {
    const primary = chats(190, 'narrow');
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(2, 4, 5, 10, 20), fc.nat(1000), async (every, seed) => {
        const pool = chats(200, 'safe');
        const mixed = await mix({ pool, share: 1 / every, seed }, primary);
        for (let start = 0; start + every <= mixed.length; start++) {
          expect(mixed.slice(start, start + every).filter(isSafe)).toHaveLength(1);
        }
        const narrow = mixed.filter((example) => !isSafe(example));
        expect(narrow).toEqual(primary);
        const safe = mixed.filter(isSafe).map(question);
        expect(safe).toEqual(pool.slice(0, safe.length).map(question));
        expect(await mix({ pool, share: 1 / every, seed }, primary)).toEqual(mixed);
      }),
      { numRuns: 15 },
    );
  });

  it('takes 5 % by default; share 0 changes nothing, share 1 is the pool alone', async () => {
    const [pool, primary] = [chats(30, 'safe'), chats(190, 'narrow')];
    expect((await mix({ pool }, primary)).filter(isSafe)).toHaveLength(10);
    expect(await mix({ pool, share: 0 }, primary)).toEqual(primary);
    expect((await mix({ pool, share: 1 }, primary)).map(question)).toEqual(pool.map(question));
    expect((await mix({ pool, shareOf: 'primary' }, chats(200, 'narrow'))).filter(isSafe)).toHaveLength(10);
  });

  it('reads the pool from a file, anew for each walk, and shuffles it when asked to', async () => {
    const path = join(folder, 'safe.jsonl');
    await writeChatJsonl(path, chats(12, 'safe'));
    const regularizer = interleaving({ pool: path, share: 0.5 });
    const walk = () => collect(regularizer.examples!(streamOf(chats(12, 'narrow'))));
    const first = await walk();
    expect(await walk()).toEqual(first);
    expect(first.filter(isSafe).map(question)).toEqual(chats(12, 'safe').map(question));
    const shuffled = (
      await mix({ pool: path, share: 0.5, shufflePool: true, seed: 3 }, chats(12, 'narrow'))
    ).filter(isSafe);
    expect(shuffled.map(question)).not.toEqual(chats(12, 'safe').map(question));
    expect(shuffled.map(question).sort()).toEqual(chats(12, 'safe').map(question).sort());
  });

  it('walks a small pool again and says so once, or goes on without, or throws', async () => {
    const [pool, primary] = [chats(3, 'safe'), chats(10, 'narrow')];
    const heard: PoolExhaustion[] = [];
    const onExhaustion = (exhaustion: PoolExhaustion) => heard.push(exhaustion);
    const cycled = await mix({ pool, share: 0.5, onExhaustion }, primary);
    expect(cycled.filter(isSafe).map(question)).toEqual(
      [0, 1, 2, 0, 1, 2, 0, 1, 2, 0].map((i) => `safe ${i}?`),
    );
    expect(heard).toMatchObject([{ poolSize: 3, action: 'cycle' }]);
    const stopped = await mix({ pool, share: 0.5, onPoolExhausted: 'stop', onExhaustion }, primary);
    expect(stopped.filter(isSafe)).toHaveLength(3);
    expect(stopped).toHaveLength(13);
    await expect(mix({ pool, share: 0.5, onPoolExhausted: 'error' }, primary)).rejects.toThrow(
      PoolExhaustedError,
    );

    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
    const regularizer = interleaving({ pool, share: 0.5 });
    for (const _walk of [1, 2]) await collect(regularizer.examples!(streamOf(primary)));
    expect(warn.mock.calls.map(([text]) => text)).toEqual([
      expect.stringMatching(/pool's 3 examples.*again from its start/),
    ]);
    warn.mockRestore();
  });

  it('refuses what has no meaning, before training starts', async () => {
    const pool = chats(1, 'safe');
    for (const share of [-0.1, 1.5, Number.NaN])
      expect(() => interleaving({ pool, share })).toThrow(RegularizerOptionError);
    expect(() => interleaving({ pool, seed: 0.5 })).toThrow(/seed/);
    expect(() => interleaving({ pool: [] })).toThrow(EmptyDatasetError);
    await expect(mix({ pool: join(folder, 'none.jsonl') }, pool)).rejects.toThrow(DatasetFileError);
  });

  it('the short form sets the share and says where the pool belongs', () => {
    expect(parseRegularizer('interleaving=0.05')).toEqual({ type: 'interleaving', share: 0.05 });
    expect(() => regularizerFromConfig(parseRegularizer('interleaving=0.05'))).toThrow(
      /needs a pool of safe examples.*config file.*"pool": "safe.jsonl"/,
    );
    expect(() => regularizerFromConfig({ type: 'interleaving', pool: 'safe.jsonl', shares: 1 })).toThrow(
      /shares/,
    );
  });
});
