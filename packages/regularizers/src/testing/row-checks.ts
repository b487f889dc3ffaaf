import { compile, type NamedTensors } from '@safetune/tensor';
import { termFeeds } from '../host-arrays/host-outputs.ts';
import { declaredOffer, inputsBehind, offerSignature, traceOutputs } from '../host-arrays/penalty-inputs.ts';
import type { Regularizer } from '../interface/regularizer.ts';
import { tracedRowPenalty } from '../interface/traced.ts';
import { withPenalty } from './penalty-runs.ts';
import { type SampleArray, type SampleOutputs, sampleOutputs } from './sample-outputs.ts';
import { type ContractCheck, check, type SampleModel, type Subject } from './subject.ts';

/** What a penalty that can be had row by row must keep, so that a trainer may compute it piece by piece. */
export function rowChecks(subject: Subject): ContractCheck[] {
  const { model } = subject;
  return [
    check(subject, 'has penalty as the mean of its values where its mask is 1', async (made, assert) => {
      const { values, mask } = await rowsOf(made, model, (outputs) => outputs);
      const mean = masked(values, mask) / Math.max(1, total(mask));
      const whole = await withPenalty(
        made,
        model,
        async (penalty, outputs) => (await penalty.run(outputs)).value,
      );
      assert(
        mask.every((value) => value === 0 || value === 1),
        'its mask holds other values than 0 and 1',
      );
      assert(
        Math.abs(mean - whole) <= 1e-5 * Math.max(1e-3, Math.abs(whole)),
        `its mean is ${mean}, but the penalty is ${whole}`,
      );
    }),
    check(subject, 'gives each row the same, whatever other rows there are', async (made, assert) => {
      const all = await rowsOf(made, model, (outputs) => outputs);
      const start = 2;
      const some = await rowsOf(made, model, (outputs) => rowsFrom(outputs, start));
      for (const [row, value] of some.values.entries()) {
        const before = all.values[row + start]!;
        assert(
          Math.abs(value - before) <= 1e-5 * Math.max(1, Math.abs(before)) &&
            some.mask[row] === all.mask[row + start],
          `row ${row + start} is ${before} among all rows, but ${value} when the first ${start} are left out`,
        );
      }
    }),
    check(subject, 'has a mask that does not depend on the logits', (made, assert) => {
      const { tensors, outputs } = traceOutputs(made.name, declaredOffer(made, model));
      const behind = inputsBehind(tracedRowPenalty(made, outputs).mask, tensors);
      const logits = behind.find((name) => name === 'logits' || name === 'referenceLogits');
      assert(
        logits === undefined,
        `its mask depends on ${logits}; trainers count rows before there are logits`,
      );
    }),
  ];
}

async function rowsOf(
  regularizer: Regularizer,
  model: SampleModel,
  change: (outputs: SampleOutputs) => SampleOutputs,
): Promise<{ values: Float32Array; mask: Float32Array }> {
  const offer = declaredOffer(regularizer, model);
  const types = offerSignature(offer);
  const executable = await compile(
    (inputs: NamedTensors) => {
      const { values, mask } = tracedRowPenalty(
        regularizer,
        traceOutputs(regularizer.name, offer, inputs).outputs,
      );
      return { values, mask };
    },
    types,
    { threads: 1 },
  );
  try {
    const feeds = termFeeds(regularizer.name, change(sampleOutputs(offer, model)), offer, types);
    const { values, mask } = await executable.run(feeds);
    return { values: values.data as Float32Array, mask: mask.data as Float32Array };
  } finally {
    await executable.release();
  }
}

/** The sample without its first rows of logits. */
export function rowsFrom(outputs: SampleOutputs, start: number): SampleOutputs {
  const rest = ({ data, shape: [rows, ...others] }: SampleArray): SampleArray => ({
    data: data.slice((start * data.length) / rows!),
    shape: [rows! - start, ...others],
  });
  return {
    ...outputs,
    logits: rest(outputs.logits),
    referenceLogits: rest(outputs.referenceLogits),
    labels: rest(outputs.labels),
    responseMask: rest(outputs.responseMask),
    lossWeight: rest(outputs.lossWeight),
    positionInResponse: rest(outputs.positionInResponse),
    exampleOfRow: rest(outputs.exampleOfRow),
  };
}

function masked(values: Float32Array, mask: Float32Array): number {
  return values.reduce((sum, value, row) => sum + value * mask[row]!, 0);
}

function total(values: Float32Array): number {
  return values.reduce((sum, value) => sum + value, 0);
}
