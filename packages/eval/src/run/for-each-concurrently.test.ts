import { expect, test } from 'vitest';
import { forEachConcurrently } from './for-each-concurrently.ts';

test('works on every item, never on more than the limit', async () => {
  const done: number[] = [];
  let running = 0;
  let most = 0;
  await forEachConcurrently([1, 2, 3, 4, 5, 6, 7], 3, async (item) => {
    running += 1;
    most = Math.max(most, running);
    await new Promise((resolve) => setImmediate(resolve));
    running -= 1;
    done.push(item);
  });
  expect(done.sort()).toEqual([1, 2, 3, 4, 5, 6, 7]);
  expect(most).toBe(3);
});

test('throws the first failure, after what was running, and starts nothing more', async () => {
  const finished: number[] = [];
  const started: number[] = [];
  const work = forEachConcurrently([1, 2, 3, 4], 2, async (item) => {
    started.push(item);
    if (item === 1) throw new Error('one');
    await new Promise((resolve) => setImmediate(resolve));
    finished.push(item);
  });
  await expect(work).rejects.toThrow('one');
  expect(started).toEqual([1, 2]);
  expect(finished).toEqual([2]);
});
