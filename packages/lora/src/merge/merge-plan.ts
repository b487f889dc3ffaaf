import { join } from 'node:path';
import {
  type Checkpoint,
  findTensor,
  type HostArray,
  readSmallJson,
  type TensorRegion,
} from '@safetune/tensor';
import type { LoraAdapter } from '../adapter/adapter.ts';
import { AdapterMismatchError } from '../errors.ts';
import { requireChangeable, type WeightChange, weightChanges } from './weight-changes.ts';

/** What merging an adapter does to a checkpoint. */
export interface MergePlan {
  /** Changes of tensors that the checkpoint has, by their names. */
  readonly changes: ReadonlyMap<string, WeightChange>;
  /** The output layer where it was the embedding, and is so no longer: made from the embedding as it was. */
  readonly apart: OutputLayerApart | undefined;
}

export interface OutputLayerApart {
  /** The tensor's name. */
  readonly name: string;
  readonly source: TensorRegion;
  readonly change: WeightChange;
}

/** @throws AdapterMismatchError when the checkpoint lacks a tensor that the adapter changes, or has it in another shape. */
export async function mergePlan(checkpoint: Checkpoint, adapter: LoraAdapter): Promise<MergePlan> {
  const tied = await isTied(checkpoint);
  const known = tied ? withTiedTokens(adapter) : adapter;
  const changes = new Map(weightChanges(known));
  const apart = tied ? outputLayerApart(checkpoint, known, changes) : undefined;
  for (const [name, change] of changes) {
    if (!checkpoint.tensors.has(name)) {
      throw new AdapterMismatchError(
        change.module,
        `the checkpoint ${checkpoint.path} has no tensor '${name}'`,
      );
    }
    requireChangeable(change, findTensor(checkpoint, name).shape);
  }
  return { changes, apart };
}

const outputLayer = 'lm_head';
const outputWeight = `${outputLayer}.weight`;

/** Tokens of a tied embedding are the output layer's too: an adapter that was read without its model does not say so. */
function withTiedTokens<Parts extends Pick<LoraAdapter, 'tokens'>>(adapter: Parts): Parts {
  if (adapter.tokens.some(({ module }) => module === outputLayer)) return adapter;
  return { ...adapter, tokens: adapter.tokens.map((rows) => ({ ...rows, tied: outputLayer })) };
}

/** Takes the change of an output layer that no tensor stands for off the list. */
function outputLayerApart(
  checkpoint: Checkpoint,
  adapter: LoraAdapter,
  changes: Map<string, WeightChange>,
): OutputLayerApart | undefined {
  if (checkpoint.tensors.has(outputWeight)) return undefined;
  const embedding = [...checkpoint.tensors.values()].find(({ name }) => name.endsWith('embed_tokens.weight'));
  const own = changes.get(outputWeight);
  changes.delete(outputWeight);
  if (embedding === undefined || staysTied(adapter, embedding.name)) return undefined;
  if (own === undefined && !changes.has(embedding.name)) return undefined;
  const change = own ?? { module: outputLayer, shape: embedding.shape, apply: (values: HostArray) => values };
  requireChangeable(change, embedding.shape);
  return { name: outputWeight, source: embedding, change };
}

/** Whether all that changes the embedding or the output layer changes both. */
function staysTied({ modules, embeddings, replaced, tokens }: LoraAdapter, embedding: string): boolean {
  const isShared = (weight: string) => weight === embedding || weight === outputWeight;
  const parts = [
    ...embeddings,
    ...tokens,
    ...replaced.filter(({ weight }) => isShared(weight)),
    ...modules.filter(({ name }) => isShared(`${name}.weight`)).map(() => ({ tied: undefined })),
  ];
  return parts.every(({ tied }) => tied !== undefined);
}

async function isTied({ path, tensors }: Checkpoint): Promise<boolean> {
  if (!tensors.has(outputWeight)) return true;
  const config = (await readSmallJson(join(path, 'config.json'))) as { tie_word_embeddings?: unknown } | null;
  return config?.tie_word_embeddings === true;
}
