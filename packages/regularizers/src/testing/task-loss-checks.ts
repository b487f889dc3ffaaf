import type { CompiledTaskLoss } from '../host-arrays/task-loss.ts';
import { blindToMaskedTokens, blindToPadding } from './blindness-checks.ts';
import { requireTermGradient } from './gradient-check.ts';
import { finiteOutOfScope, finiteUnderExtremes } from './penalty-checks.ts';
import { gradientArrays, withTaskLoss } from './penalty-runs.ts';
import { rowsFrom } from './row-checks.ts';
import type { SampleOutputs } from './sample-outputs.ts';
import { type Assert, type ContractCheck, check, type Subject } from './subject.ts';
import { deterministic, type Evaluate, twice } from './value-checks.ts';

/** What a change of the task's loss must keep. That it gives one loss for each row is seen wherever it is traced. */
export function taskLossChecks(subject: Subject): ContractCheck[] {
  const on = (
    name: string,
    body: (task: CompiledTaskLoss, outputs: SampleOutputs, assert: Assert) => Promise<void>,
  ) =>
    check(subject, name, (made, assert) =>
      withTaskLoss(made, subject.model, (task, outputs) => body(task, outputs, assert)),
    );
  const evaluate: Evaluate = (made) =>
    withTaskLoss(made, subject.model, (task, outputs) =>
      twice(async () => {
        const result = await task.run(outputs);
        return { value: result.value, gradients: gradientArrays(result) };
      }),
    );
  return [
    on('its gradient equals finite differences and is not zero', requireTermGradient),
    on('changes the loss of the task', changesLoss),
    on('gives each row the same, whatever other rows there are', sameWithoutOthers),
    on('is blind to padding', blindToPadding),
    on('is blind to masked tokens', blindToMaskedTokens),
    check(subject, 'is deterministic', (made, assert) => deterministic(made, subject, evaluate, assert)),
    on('stays finite under fp16-sized extremes', finiteUnderExtremes),
    on('stays finite when nothing is in scope', finiteOutOfScope),
  ];
}

async function changesLoss(task: CompiledTaskLoss, outputs: SampleOutputs, assert: Assert): Promise<void> {
  const { value, crossEntropy } = await task.run(outputs);
  assert(
    Math.abs(value - crossEntropy) > 1e-6 * crossEntropy,
    `gives the cross-entropy of each row as it is, ${crossEntropy} in the mean: it would change nothing`,
  );
}

async function sameWithoutOthers(
  task: CompiledTaskLoss,
  outputs: SampleOutputs,
  assert: Assert,
): Promise<void> {
  const first = 2;
  const [all, some] = [await task.run(outputs), await task.run(rowsFrom(outputs, first))];
  for (const [row, value] of [...(some.perRow.data as Float32Array)].entries()) {
    const before = Number(all.perRow.data[row + first]);
    assert(
      Math.abs(value - before) <= 1e-5 * Math.max(1, Math.abs(before)),
      `row ${row + first} is ${before} among all rows, but ${value} when the first ${first} are left out: trainers give it some rows at a time`,
    );
  }
}
