import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** What takes longest of all, as far as is known before a first run. */
const longest = [
  'server/src/work/disturbed-job.test.ts',
  'server/src/service/whole-life.test.ts',
  'organism/src/experiment/evaluate-defense.test.ts',
  'server/src/work/whole-job.test.ts',
  'server/src/service/chaos.test.ts',
  'server/src/service/many-jobs.test.ts',
  'server/src/page/page.test.ts',
  'server/src/queue/bullmq-queue.test.ts',
  'server/src/serving/create-chat.test.ts',
  'trainer/src/run/kill.test.ts',
  'cli/src/main.test.ts',
  'cli/src/misuse.test.ts',
  'cli/src/safeguards.test.ts',
];

/**
 * Begins with what takes longest, so that no core is idle at the end. Vitest does so from its second run on, by the times that it keeps; before,
 * as in CI, it goes by the sizes of the files.
 */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const isKnown = sorted.some((file) => this.ctx.cache.getTestSpecificationResult(file) !== undefined);
    if (isKnown) return sorted;
    const rank = ({ moduleId }: TestSpecification) => {
      const index = longest.findIndex((path) => moduleId.endsWith(path));
      return index === -1 ? longest.length : index;
    };
    return sorted.toSorted((one, other) => rank(one) - rank(other));
  }
}
