import { JudgeVerdictError } from '../errors.ts';
import {
  type Judge,
  type JudgeItem,
  type JudgeTask,
  mergedVerdict,
  type TaskVerdict,
  type Verdict,
} from '../judges/judge.ts';
import { forEachConcurrently } from './for-each-concurrently.ts';
import { progressMeter, type Watch } from './progress.ts';
import type { RunMemory } from './run-memory.ts';
import { judgeDigest } from './run-records.ts';

/**
 * Has every item judged, as many tasks at a time as the judge allows, and gives the verdicts in the order of the items. What
 * the memory holds is not asked again, and equal answers to one question are asked about once.
 *
 * @throws {JudgeVerdictError} for a score outside 0 .. 100, or scores beside an error.
 */
export async function judgeAnswers(
  items: readonly JudgeItem[],
  judge: Judge,
  memory: RunMemory,
  { onProgress, now, signal }: Watch,
): Promise<readonly Verdict[]> {
  const digest = judgeDigest(judge);
  /** Of each item, the names of the tasks that are still to be done. */
  const open = items.map((item) => {
    const tasks = judge.tasks(item);
    return new Set(
      tasks.filter((task) => memory.verdict(digest, task, item.answer) === undefined).map(({ name }) => name),
    );
  });
  const counts = { total: items.length, resumed: open.filter(({ size }) => size === 0).length };
  const advance = progressMeter('judging', counts, onProgress, now);
  /** Verdicts with errors, which the memory does not keep. */
  const failed = items.map(() => new Map<string, TaskVerdict>());
  const underWay = new Map<string, Promise<TaskVerdict>>();

  async function ask(item: JudgeItem, task: JudgeTask): Promise<TaskVerdict> {
    const kept = memory.verdict(digest, task, item.answer);
    if (kept !== undefined) return kept;
    const verdict = await judge.judge(task, item, signal ? { signal } : {});
    refuseImpossible(verdict, judge, item);
    memory.recordVerdict(digest, task, item.answer, verdict);
    return verdict;
  }

  async function work({ index, task }: { index: number; task: JudgeTask }): Promise<void> {
    signal?.throwIfAborted();
    const item = items[index]!;
    // The same answer drawn twice: the second waits for the verdict of the first.
    const key = JSON.stringify([task.name, task.prompt, item.answer]);
    const asking = underWay.get(key) ?? ask(item, task);
    underWay.set(key, asking);
    const verdict = await asking.finally(() => underWay.delete(key));
    if (verdict.error !== undefined) failed[index]!.set(task.name, verdict);
    open[index]!.delete(task.name);
    if (open[index]!.size === 0) advance({ endpointError: failed[index]!.size > 0 });
  }

  await forEachConcurrently(openTasks(items, open, judge), judge.concurrency ?? 1, work);
  return items.map((item, index) =>
    mergedVerdict(
      judge.tasks(item).map((task) => ({
        task: task.name,
        verdict: failed[index]!.get(task.name) ?? memory.verdict(digest, task, item.answer)!,
      })),
    ),
  );
}

/** Made one by one, since their prompts hold whole answers. */
function* openTasks(items: readonly JudgeItem[], open: readonly ReadonlySet<string>[], judge: Judge) {
  for (const [index, item] of items.entries()) {
    if (open[index]!.size === 0) continue;
    const names = new Set(open[index]);
    for (const task of judge.tasks(item)) if (names.has(task.name)) yield { index, task };
  }
}

function refuseImpossible(verdict: TaskVerdict, judge: Judge, { question }: JudgeItem): void {
  for (const [name, score] of Object.entries(verdict.scores)) {
    if (score === null) continue;
    if (typeof score !== 'number' || !(score >= 0 && score <= 100)) {
      const message = `the score '${name}' is ${score}; a score is 0 to 100, or null when there is none`;
      throw new JudgeVerdictError(judge.name, question.id, message);
    }
    if (verdict.error === undefined) continue;
    const message = `a verdict with an error must carry no scores: ${verdict.error}`;
    throw new JudgeVerdictError(judge.name, question.id, message);
  }
}
