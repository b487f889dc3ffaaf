import {
  type CompiledLayer,
  type CompiledLayers,
  compileLayers,
  GradientError,
  type RuntimeOptions,
} from '@safetune/tensor';
import type { StepReference } from '../step/references.ts';
import type { StepSettings } from '../step/step-settings.ts';
import { hiddenLayers, referenceStates } from './layered-head.ts';
import type { Part } from './layered-part.ts';
import { layeredParts } from './layered-trace.ts';

/** The compiled parts of a reference. */
export interface LayeredReference {
  readonly reference: StepReference;
  /** Undefined when it has the embedding of the model in training. */
  readonly embed: CompiledLayer | undefined;
  /** As many as it is needed for. */
  readonly blocks: readonly CompiledLayer[];
  /** Layers whose states the head takes. */
  readonly layers: readonly number[];
}

/** The compiled parts of a layered step; see `LayeredParts` for what each takes and gives. */
export interface LayeredNetwork {
  readonly embed: CompiledLayer;
  /** Undefined when the embedding is not trained. */
  readonly embedGradient: CompiledLayer | undefined;
  /** The block that leads to layer l at l - 1; so in the next. */
  readonly blocks: readonly CompiledLayer[];
  /** Undefined for the blocks below all that is trained, where the backward pass has ended. */
  readonly blockGradients: readonly (CompiledLayer | undefined)[];
  /** By layer; only those that a regularizer edits. */
  readonly edits: ReadonlyMap<number, { readonly edit: CompiledLayer; readonly editGradient: CompiledLayer }>;
  readonly head: CompiledLayer;
  /** The head of a forward pass that is no training; compiled when it is first asked for. */
  evaluationHead(): Promise<CompiledLayer>;
  /** Layers whose states the head takes, besides the last. */
  readonly hiddenLayers: readonly number[];
  readonly references: readonly LayeredReference[];
  release(): Promise<void>;
}

/**
 * Traces and compiles the parts. Blocks that are alike share a session, their weights being fed; the embedding's and
 * the head's stay in their files.
 *
 * @throws GradientError when a trained tensor would get no gradient; what `compile` throws.
 */
export async function compileNetwork(
  settings: StepSettings,
  runtime: RuntimeOptions,
): Promise<LayeredNetwork> {
  const parts = layeredParts(settings);
  const compiled: CompiledLayers[] = [];
  const release = async () => {
    for (const each of compiled) await each.release();
  };
  const compileParts = async (
    some: readonly Part[],
    weights: 'fed' | 'constant',
  ): Promise<readonly CompiledLayer[]> => {
    if (some.length === 0) return [];
    const traces = some.map(({ trace }) => trace);
    const layers = await compileLayers(traces, some[0]!.signature, { ...runtime, weights });
    compiled.push(layers);
    return layers.layers;
  };
  const compilePart = async (part: Part, weights: 'fed' | 'constant') =>
    (await compileParts([part], weights))[0]!;
  try {
    const layers = Array.from({ length: settings.model.config.layerCount }, (_, index) => index + 1);
    const embed = await compilePart(parts.embed, 'constant');
    // Noise is an input too, but not trained.
    const trainsEmbedding = embed.inputs.some((name) => name in settings.trainable.tensors);
    const embedGradient = trainsEmbedding ? await compilePart(parts.embedGradient, 'constant') : undefined;
    const blocks = await compileParts(layers.map(parts.block), 'fed');
    const first = embedGradient === undefined ? firstTrained(settings, blocks) : 1;
    const gradients = await compileParts(layers.slice(first - 1).map(parts.blockGradient), 'fed');
    const references: LayeredReference[] = [];
    for (const reference of settings.references) {
      const needed = layers.slice(0, reference.depth);
      const shares = embed.inputs.length === 0 && sharesEmbedding(settings, reference);
      references.push({
        reference,
        embed: shares ? undefined : await compilePart(parts.referenceEmbed(reference), 'constant'),
        blocks: await compileParts(
          needed.map((layer) => parts.referenceBlock(reference, layer)),
          'fed',
        ),
        layers: referenceStates(reference),
      });
    }
    const edits = new Map<number, { edit: CompiledLayer; editGradient: CompiledLayer }>();
    for (const layer of [0, ...layers]) {
      const edit = parts.edit(layer);
      if (edit === undefined) continue;
      edits.set(layer, {
        edit: await compilePart(edit, 'constant'),
        editGradient: await compilePart(parts.editGradient(layer), 'constant'),
      });
    }
    const head = await compilePart(parts.head, 'constant');
    requireUse(settings, [embed, ...blocks, head]);
    let evaluationHead: Promise<CompiledLayer> | undefined;
    return {
      embed,
      embedGradient,
      blocks,
      blockGradients: [...layers.slice(0, first - 1).map(() => undefined), ...gradients],
      edits,
      head,
      evaluationHead() {
        evaluationHead ??= compilePart(parts.evaluationHead, 'constant');
        return evaluationHead;
      },
      hiddenLayers: hiddenLayers(settings),
      references,
      release,
    };
  } catch (error) {
    await release();
    throw error;
  }
}

/** Whether a reference looks tokens up as the model does from which training starts. */
function sharesEmbedding({ model }: StepSettings, reference: StepReference): boolean {
  const { embeddings = [], replaced = [], tokens = [] } = reference.adapter ?? {};
  return reference.model === model && embeddings.length + replaced.length + tokens.length === 0;
}

/** The first layer, from 1, whose block has trained tensors; one past the last when none has. */
function firstTrained({ trainable }: StepSettings, blocks: readonly CompiledLayer[]): number {
  // What is fed and stays as it is has no gradient.
  const index = blocks.findIndex(({ inputs }) => inputs.some((name) => name in trainable.tensors));
  return (index === -1 ? blocks.length : index) + 1;
}

function requireUse({ trainable }: StepSettings, parts: readonly CompiledLayer[]): void {
  const used = new Set(parts.flatMap(({ inputs }) => inputs));
  const unused = Object.keys(trainable.tensors).filter((name) => !used.has(name));
  if (unused.length > 0) {
    throw new GradientError(
      `the loss does not depend on ${unused.join(', ')}: it would train with no gradient`,
    );
  }
}
