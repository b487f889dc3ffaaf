/**
 * Runs `work` over all items, at most `limit` at a time, and yields each result as soon as it is there. After a failure
 * nothing more is started, what is under way is still waited for and yielded, and then the first failure is thrown. Who
 * stops listening early aborts the `signal` that `work` gets.
 */
export async function* asTheyFinish<Item, Result>(
  items: Iterable<Item>,
  limit: number,
  work: (item: Item, signal: AbortSignal) => Promise<Result>,
  outer?: AbortSignal,
): AsyncGenerator<Result, void, void> {
  const stopped = new AbortController();
  const signal = outer ? AbortSignal.any([outer, stopped.signal]) : stopped.signal;
  const waiting = items[Symbol.iterator]();
  const finished: Result[] = [];
  const failures: unknown[] = [];
  let underWay = 0;
  let wake = () => {};

  async function run(item: Item): Promise<void> {
    underWay += 1;
    try {
      finished.push(await work(item, signal));
    } catch (error) {
      failures.push(error);
    }
    underWay -= 1;
    wake();
  }

  try {
    for (;;) {
      while (underWay < limit && failures.length === 0) {
        const next = waiting.next();
        if (next.done) break;
        run(next.value);
      }
      for (const result of finished.splice(0)) yield result;
      if (finished.length > 0) continue;
      if (underWay === 0) break;
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  } finally {
    stopped.abort();
  }
  if (failures.length > 0) throw failures[0];
}
