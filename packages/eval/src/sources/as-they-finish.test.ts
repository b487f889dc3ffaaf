import { expect, test } from 'vitest';
import { asTheyFinish } from './as-they-finish.ts';

const wait = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

async function collected<Result>(results: AsyncIterable<Result>, into: Result[] = []): Promise<Result[]> {
  for await (const result of results) into.push(result);
  return into;
}

test('yields every result once, whatever its time, so many at a time', async () => {
  let atOnce = 0;
  let most = 0;
  const results = asTheyFinish(Array.from({ length: 20 }).keys(), 4, async (item) => {
    most = Math.max(most, ++atOnce);
    await wait((item * 7) % 5);
    atOnce -= 1;
    return item;
  });
  expect((await collected(results)).sort((a, b) => a - b)).toEqual([...Array(20).keys()]);
  expect(most).toBe(4);
});

test('after a failure starts nothing more, and still yields what was under way', async () => {
  const started: number[] = [];
  const seen: number[] = [];
  const results = asTheyFinish([0, 1, 2, 3, 4], 3, async (item) => {
    started.push(item);
    if (item === 1) throw new Error('broken');
    await wait(5);
    return item;
  });
  await expect(collected(results, seen)).rejects.toThrow('broken');
  expect(started).toEqual([0, 1, 2]);
  expect(seen).toEqual([0, 2]);
});

test('aborts what is under way when nobody listens any more, or by the outer signal', async () => {
  const signals: AbortSignal[] = [];
  const work = async (item: number, signal: AbortSignal) => {
    signals.push(signal);
    if (item > 0) await wait(1000).then(() => signal.throwIfAborted());
    return item;
  };
  for await (const _ of asTheyFinish([0, 1], 2, work)) break;
  expect(signals[1]?.aborted).toBe(true);
  const outer = AbortSignal.abort(new Error('enough'));
  await expect(
    collected(asTheyFinish([1], 1, async (_, signal) => signal.throwIfAborted(), outer)),
  ).rejects.toThrow('enough');
});
