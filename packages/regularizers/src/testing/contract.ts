import type { Regularizer } from '../interface/regularizer.ts';
import { adapterChecks, beforeTrainingChecks } from './adapter-checks.ts';
import { anchorsChecks } from './anchors-checks.ts';
import { configChecks } from './config-checks.ts';
import { contentsChecks } from './contents-checks.ts';
import { examplesChecks } from './examples-checks.ts';
import { frozenAdaptersChecks } from './frozen-adapters-checks.ts';
import { gradientHookChecks } from './gradient-hook-checks.ts';
import { hiddenChecks } from './hidden-checks.ts';
import { needsChecks } from './needs-checks.ts';
import { parameterChecks } from './parameter-checks.ts';
import { penaltyChecks } from './penalty-checks.ts';
import { rowChecks } from './row-checks.ts';
import { stateChecks } from './state-checks.ts';
import { type ContractCheck, type ContractOptions, type Subject, subjectOf } from './subject.ts';
import { taskLossChecks } from './task-loss-checks.ts';

/**
 * The checks that a regularizer must pass to be trusted in any trainer; which ones follows from the hooks it has.
 * They need no test framework: run each, and a broken promise throws a ContractViolation that says what is wrong.
 *
 * @param make - makes the regularizer anew; several are made.
 * @throws RangeError for options without meaning; whatever `make` throws.
 *
 * @example
 * for (const { name, run } of await regularizerContract(() => kl())) {
 *   await run();
 *   console.log('kept:', name);
 * }
 */
export async function regularizerContract(
  make: () => Regularizer | Promise<Regularizer>,
  options: ContractOptions = {},
): Promise<readonly ContractCheck[]> {
  const subject = subjectOf(make, options);
  const regularizer = await subject.make();
  const group = (hook: string): Subject => ({ ...subject, prefix: `${hook}: ` });
  const has = (hook: keyof Regularizer) => typeof regularizer[hook] === 'function';
  return [
    ...configChecks(subject),
    ...needsChecks(subject),
    ...(has('penalty') || has('penaltyPerRow') ? penaltyChecks(group('penalty'), regularizer) : []),
    ...(has('penaltyPerRow') ? rowChecks(group('penaltyPerRow')) : []),
    ...(has('taskLossPerRow') ? taskLossChecks(group('taskLossPerRow')) : []),
    ...(has('parameterPenalty') ? parameterChecks(group('parameterPenalty')) : []),
    ...(has('examples') ? examplesChecks(group('examples')) : []),
    ...(has('hidden') ? hiddenChecks(group('hidden')) : []),
    ...(regularizer.anchors === undefined ? [] : anchorsChecks(group('anchors'))),
    ...(has('gradient') ? gradientHookChecks(group('gradient')) : []),
    ...(has('frozenAdapters') ? frozenAdaptersChecks(group('frozenAdapters')) : []),
    ...(has('contents') ? contentsChecks(group('contents')) : []),
    ...(has('beforeTraining') ? beforeTrainingChecks(group('beforeTraining')) : []),
    ...(has('afterStep') || has('afterTraining') ? adapterChecks(group('adapter')) : []),
    ...(has('saveState') ? stateChecks(group('state')) : []),
  ];
}

/** The two functions of a test framework that {@link describeRegularizerContract} needs. */
export interface TestFramework {
  /** Must wait for a group that is a promise, as vitest and node:test do. */
  describe(name: string, group: () => Promise<void>): unknown;
  it(name: string, test: () => Promise<void>): unknown;
}

/**
 * {@link regularizerContract} as a group of tests, one per check.
 *
 * @example
 * import { describe, it } from 'vitest';
 * describeRegularizerContract('kl', () => kl(), { describe, it });
 */
export function describeRegularizerContract(
  name: string,
  make: () => Regularizer | Promise<Regularizer>,
  { describe, it }: TestFramework,
  options: ContractOptions = {},
): void {
  describe(`${name} keeps the regularizer contract`, async () => {
    for (const check of await regularizerContract(make, options)) it(check.name, check.run);
  });
}
