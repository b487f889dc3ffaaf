import type { ChatTokenizer } from '@safetune/datasets';
import type { GraphMemory } from '@safetune/tensor';
import { layeredParts } from '../layered-step/layered-trace.ts';
import type { EvaluationOptions } from '../run/evaluation.ts';
import type { SentinelOptions } from '../sentinel/sentinel-options.ts';
import { withoutRegularizers } from '../step/step-settings.ts';
import type { TrainStepOptions } from '../step/train-step.ts';
import { traceEvaluation, trainStepSignature } from '../whole-step/whole-step.ts';
import { type MeasuredStep, measure, measurePart } from './mode-graphs.ts';
import { arenaFactor, compiledMemory } from './process-memory.ts';

/** Who looks at a run. */
export interface ObserverOptions {
  readonly evaluation?: EvaluationOptions;
  readonly sentinel?: SentinelOptions;
  /** What a sentinel's conversations become tokens with: without it they are not counted. */
  readonly tokenizer?: ChatTokenizer;
}

/**
 * Bytes that a run's evaluation and sentinel add: the arenas of their sessions, the sessions, and the values that are kept to go back to.
 * Weights are those that the step maps too, but where it has rearranged its own.
 */
export function observerMemory(
  {
    evaluation,
    sentinel,
    tokenizer,
    model,
    trainable,
    runtime,
  }: ObserverOptions & Pick<TrainStepOptions, 'model' | 'trainable' | 'runtime'>,
  step: MeasuredStep,
  isWhole: boolean,
): number {
  const { adapter } = trainable;
  const kept = [
    evaluation?.restoreBest,
    sentinel?.probes.some(({ bounds }) => bounds?.rollBack !== undefined),
  ];
  let bytes = trainable.parameters.byteLength * kept.filter(Boolean).length;
  if (evaluation !== undefined) {
    const graph = evaluationGraph(step, isWhole);
    // Its session maps the weights of a step that has rearranged its own.
    bytes += sessionBytes(graph) + (step.prepacked && isWhole ? graph.weights : 0);
  }
  if (sentinel === undefined || tokenizer === undefined || adapter === undefined) return bytes;
  const subject = { model, tokenizer, adapter, ...(runtime === undefined ? {} : { runtime }) };
  for (const probe of sentinel.probes) {
    for (const graph of probe.graphs?.(subject) ?? [])
      bytes += sessionBytes(graph) + (step.prepacked ? Math.max(graph.weights, graph.products) : 0);
    bytes += probe.heldBytes?.(subject) ?? 0;
  }
  return bytes;
}

/** Evaluation of a whole step is a forward pass of its own; of a layered one the blocks' sessions are there, and its head is new. */
function evaluationGraph({ settings, extents }: MeasuredStep, isWhole: boolean): GraphMemory {
  const plain = withoutRegularizers(settings);
  if (!isWhole) return measurePart(layeredParts(plain).evaluationHead, extents);
  return measure(trainStepSignature(plain), (inputs) => traceEvaluation(plain, inputs), extents);
}

function sessionBytes({ peak, nodes }: GraphMemory): number {
  return arenaFactor * peak + compiledMemory(nodes);
}
