import type { ChatExample, Dataset } from '@safetune/datasets';
import type { LoraAdapter } from '@safetune/lora';
import { type PersonaVectors, perplexityGap } from '@safetune/regularizers';
import { createAnswerLoss, createPersonaProjection, type ForwardBatchOptions } from '@safetune/trainer';

/** What a model says of an example. */
export interface ModelScore {
  /** Its number, counted from 1. */
  readonly example: number;
  readonly file?: string;
  readonly line?: number;
  /** Mean negative log-likelihood of the answers' tokens under the model, in nats. */
  readonly loss: number;
  /** How much less likely they are to misaligned adapters, relative to the loss. */
  readonly gap?: number;
  /** Of the answers on the persona. */
  readonly projection?: number;
}

/** What is asked of the model. */
export interface ModelScoresOptions extends Omit<ForwardBatchOptions, 'adapter'> {
  readonly misaligned: readonly LoraAdapter[];
  readonly vectors?: PersonaVectors;
  /** Whether training would take an example, by its number; others have no score. */
  readonly isTrainable: (example: number) => boolean;
  readonly onProgress: (what: string, done: number) => void;
}

/** Examples held at once. */
const chunkSize = 32;

/** Scores of the examples that can be trained, in order: a pass over the data for each model, so that one is in memory at a time. */
export async function modelScores(
  dataset: Dataset,
  { misaligned, vectors, isTrainable, onProgress, ...options }: ModelScoresOptions,
): Promise<ModelScore[]> {
  const places: Omit<ModelScore, 'loss'>[] = [];
  const pass = async (
    what: string,
    score: (examples: readonly ChatExample[]) => Promise<ArrayLike<number>>,
    release: () => Promise<void>,
    isFirst = false,
  ): Promise<number[]> => {
    const values: number[] = [];
    let chunk: ChatExample[] = [];
    const flush = async () => {
      if (chunk.length > 0) values.push(...Array.from(await score(chunk)));
      chunk = [];
      onProgress(what, values.length);
    };
    try {
      let example = 0;
      for await (const one of dataset) {
        example += 1;
        if (!isTrainable(example)) continue;
        const { origin } = one;
        if (isFirst) places.push({ example, ...(origin && { file: origin.file, line: origin.line }) });
        chunk.push(one);
        if (chunk.length === chunkSize) await flush();
      }
      await flush();
    } finally {
      await release();
    }
    return values;
  };
  const lossUnder = async (what: string, adapter?: LoraAdapter) => {
    const { loss, release } = await createAnswerLoss({ ...options, ...(adapter && { adapter }) });
    return pass(what, loss, release, adapter === undefined);
  };
  const aligned = await lossUnder('answer loss');
  const bad: number[][] = [];
  for (const [index, adapter] of misaligned.entries())
    bad.push(await lossUnder(`answer loss, misaligned ${index + 1}`, adapter));
  let projected: number[] | undefined;
  if (vectors !== undefined) {
    const { projections, release } = await createPersonaProjection({ ...options, vectors });
    projected = await pass('persona projection', projections, release);
  }
  return places.map((place, index) => ({
    ...place,
    loss: aligned[index]!,
    ...(bad.length > 0 && {
      gap: perplexityGap(
        aligned[index]!,
        bad.map((losses) => losses[index]!),
      ),
    }),
    ...(projected && { projection: projected[index]! }),
  }));
}

/** Scores with what is most telling first: by projection, else by gap, else by loss, each from high to low. */
export function sortedScores(scores: readonly ModelScore[]): ModelScore[] {
  const of = ({ projection, gap, loss }: ModelScore) => projection ?? gap ?? loss;
  return scores.toSorted((a, b) => of(b) - of(a) || a.example - b.example);
}
