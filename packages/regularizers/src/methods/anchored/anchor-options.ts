import { type ChatExample, EmptyDatasetError, loadDataset } from '@safetune/datasets';
import { z } from 'zod';
import { RegularizerOptionError } from '../../errors.ts';
import { type Anchors, checkAnchors } from '../../interface/anchors.ts';
import { examplesDigest } from '../../interface/examples-digest.ts';
import { examplesSchema } from '../../interface/option-schemas.ts';
import type { Regularizer } from '../../interface/regularizer.ts';

/** Options of regularizers that have anchors. */
export interface AnchorOptions {
  /** Safe examples: a path that `openDataset` reads, or the examples themselves. */
  readonly anchors: string | readonly ChatExample[];
  /** How many of them each optimizer step takes; all where there are fewer. Default: a quarter of its training examples, rounded up. */
  readonly perStep?: number;
}

/** The same as configs write them. */
export const anchorOptionSchemas = {
  anchors: examplesSchema.optional(),
  perStep: z.number().optional(),
};

/** The part of a config that says which anchors, and how many. */
export function anchorConfig({ anchors, perStep }: AnchorOptions): AnchorOptions {
  return { anchors, ...(perStep === undefined ? {} : { perStep }) };
}

/** The fields of a regularizer with these anchors. */
export interface AnchorFields extends Pick<Regularizer, 'contents'> {
  readonly anchors: Anchors;
}

/**
 * @param crossEntropyWeight - factor on the cross-entropy of the anchors' answers
 * @throws RegularizerOptionError when there are none, or `perStep` is no positive integer; EmptyDatasetError for an empty list.
 */
export function anchorFields(
  owner: string,
  { anchors, perStep }: AnchorOptions,
  crossEntropyWeight = 0,
): AnchorFields {
  if (anchors === undefined || anchors === '') {
    const example = `{ "type": "${owner}", "anchors": "safe.jsonl" }`;
    throw new RegularizerOptionError(
      owner,
      `it needs anchors, safe examples, which the short form cannot name: give them in a config file, as ${example}`,
    );
  }
  if (anchors.length === 0)
    throw new EmptyDatasetError(`${owner}: the list of anchors is empty. Give it examples.`);
  const made: Anchors = {
    load: () => (typeof anchors === 'string' ? loadDataset(anchors) : anchors),
    crossEntropyWeight,
    ...(perStep === undefined ? {} : { perStep }),
  };
  checkAnchors(owner, made);
  return {
    anchors: made,
    // Examples that were handed over are in the config itself.
    ...(typeof anchors === 'string'
      ? { contents: async () => ({ anchors: await examplesDigest(anchors) }) }
      : {}),
  };
}
