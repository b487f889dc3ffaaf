import type { ChatExample } from '@safetune/datasets';
import { RegularizerOptionError } from '../errors.ts';
import { shown } from './shown.ts';

/**
 * Examples of a regularizer's own, of which every optimizer step takes some beside those that are trained on. They go through the same
 * model and loss: what is minimised on them is `crossEntropyWeight * cross-entropy + weight * penalty`.
 */
export interface Anchors {
  /** Reads them, each with one answer, in an order that is the same each time. A step goes on where the last one stopped, in circles. */
  load(): Promise<readonly ChatExample[]> | readonly ChatExample[];
  /** Examples of a step; all of them where there are fewer. Default: a quarter of the step's training examples, rounded up. */
  readonly perStep?: number;
  /** Factor on the cross-entropy of their answers. Default 0: they carry a penalty alone. */
  readonly crossEntropyWeight?: number;
}

/**
 * Checks what can be checked of anchors before they are read.
 *
 * @throws RegularizerOptionError in the name of `regularizer`.
 */
export function checkAnchors(regularizer: string, anchors: Anchors): void {
  const given: unknown = anchors;
  if (typeof given !== 'object' || given === null || typeof anchors.load !== 'function')
    throw new RegularizerOptionError(regularizer, `anchors is ${shown(given)}, must be an object with load`);
  const { perStep = 1, crossEntropyWeight = 0 } = anchors;
  if (!Number.isInteger(perStep) || perStep < 1)
    throw new RegularizerOptionError(regularizer, `perStep is ${perStep}, must be a positive integer`);
  if (!(Number.isFinite(crossEntropyWeight) && crossEntropyWeight >= 0)) {
    throw new RegularizerOptionError(
      regularizer,
      `crossEntropyWeight is ${crossEntropyWeight}, must be a number >= 0`,
    );
  }
}

/**
 * Reads anchors.
 *
 * @throws RegularizerOptionError when there are none, or one has two answers; what reading them throws.
 */
export async function loadAnchors(regularizer: string, anchors: Anchors): Promise<readonly ChatExample[]> {
  const loaded: unknown = await anchors.load();
  if (!Array.isArray(loaded)) {
    throw new RegularizerOptionError(
      regularizer,
      `load of its anchors gives ${shown(loaded)}, must give a list of chat examples`,
    );
  }
  const examples: readonly ChatExample[] = loaded;
  if (examples.length === 0) throw new RegularizerOptionError(regularizer, 'there are no anchors: give some');
  const paired = examples.findIndex(({ rejected }) => rejected !== undefined);
  if (paired === -1) return examples;
  throw new RegularizerOptionError(
    regularizer,
    `anchor ${paired + 1} has two answers: give the better one alone`,
  );
}
