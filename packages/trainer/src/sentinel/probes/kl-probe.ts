import { setImmediate } from 'node:timers/promises';
import type { Batch, ChatExample } from '@safetune/datasets';
import { adaptedForward } from '@safetune/models';
import { klDivergence } from '@safetune/regularizers';
import { compile, type HostArray, type NamedTensors, type Tensor, tensorType } from '@safetune/tensor';
import {
  answerHeadMemory,
  answerRowsMemory,
  compileAnswerRows,
  rowRange,
  rowsAtOnce,
} from '../../answers/answer-rows.ts';
import { adapterSignature, forwardBatches } from '../../answers/forward-batches.ts';
import { pairExample } from '../answer-pairs.ts';
import { builtInPairs } from '../built-in-pairs.ts';
import type { Probe, ProbeBounds, ProbeSubject } from '../probe.ts';

export interface KlProbeOptions {
  /** Default 'kl-safe'. */
  readonly name?: string;
  readonly bounds?: ProbeBounds;
  /** Safe questions with answers. Default: those of {@link builtInPairs}. */
  readonly examples?: readonly ChatExample[];
}

/**
 * How far the model has gone from the one without the adapter on safe conversations: the KL divergence D(theta || theta_0), in nats,
 * a mean over the tokens of the answers. 0 for an adapter that changes nothing.
 *
 * The reference's last hidden states are computed once and kept; its logits are made from them anew.
 */
export function klProbe({
  name = 'kl-safe',
  bounds = {},
  examples = safeExamples,
}: KlProbeOptions = {}): Probe {
  return {
    name,
    bounds,
    facts: { type: 'kl', messages: examples.map(({ messages }) => messages) },
    graphs: (subject) => [
      answerRowsMemory(examples, subject),
      answerHeadMemory(examples, subject, (inputs) => [traceDivergence(subject, inputs)]),
    ],
    async open(subject) {
      const batches = [...forwardBatches(examples, subject)].map(({ batch }) => batch);
      const reference = await referenceRows(batches, subject);
      const blocks = await compileAnswerRows(subject);
      const head = await compileDivergence(subject);
      return {
        async measure() {
          let [sum, count] = [0, 0];
          for (const [index, batch] of batches.entries()) {
            // A run blocks the thread: let timers and signals have their turn.
            await setImmediate();
            const rows = await blocks.rowsOf(batch);
            const total = rows.shape[0]!;
            for (let start = 0; start < total; start += rowsAtOnce) {
              const end = Math.min(start + rowsAtOnce, total);
              const { divergences } = await head.run({
                ...subject.adapter.tensors,
                rows: rowRange(rows, start, end),
                referenceRows: rowRange(reference[index]!, start, end),
              });
              for (const divergence of divergences.data as Float32Array) sum += divergence;
            }
            count += total;
          }
          return { value: sum / count };
        },
        async release() {
          await blocks.release();
          await head.release();
        },
      };
    },
  };
}

/** What the output layer takes of the model without the adapter, by batch. */
async function referenceRows(
  batches: readonly Batch[],
  { adapter: _, ...reference }: ProbeSubject,
): Promise<HostArray[]> {
  const blocks = await compileAnswerRows(reference);
  try {
    const all: HostArray[] = [];
    for (const batch of batches) all.push(await blocks.rowsOf(batch));
    return all;
  } finally {
    await blocks.release();
  }
}

function compileDivergence(subject: ProbeSubject) {
  const { model, runtime } = subject;
  const rows = tensorType('float32', ['rows', model.config.hiddenSize]);
  return compile(
    (inputs: NamedTensors) => ({ divergences: traceDivergence(subject, inputs) }),
    { ...adapterSignature(subject), rows, referenceRows: rows },
    { ...model.runtime, ...runtime },
  );
}

function traceDivergence({ model, adapter }: ProbeSubject, inputs: NamedTensors): Tensor {
  return klDivergence(
    model.head(inputs.rows!, adaptedForward(adapter, inputs)),
    model.head(inputs.referenceRows!),
  );
}

const safeExamples = builtInPairs.map((pair) => pairExample(pair, 'safe'));
