import { setImmediate } from 'node:timers/promises';
import type { ChatExample, TokenizedExample } from '@safetune/datasets';
import { adaptedForward } from '@safetune/models';
import { type LayerSelection, resolveLayers } from '@safetune/regularizers';
import {
  compile,
  type HostArray,
  hostArray,
  type NamedTensors,
  subtract,
  tensorType,
} from '@safetune/tensor';
import {
  adapterSignature,
  type ForwardBatchOptions,
  forwardBatches,
  tokenIdsOf,
  tokenizeExamples,
} from './forward-batches.ts';

/** Options of {@link answerTokenStates}. */
export interface TokenStatesOptions extends ForwardBatchOptions {
  /** Layers whose residual stream is taken (0: embeddings, l: after block l). Default 'all' blocks. */
  readonly layers?: LayerSelection;
  /** With an adapter: its states, or those less the states of the model without it. Default 'difference'. */
  readonly of?: 'difference' | 'adapter';
  /** At most so many tokens are taken, spread evenly over all answers. Default 8192. */
  readonly maxTokens?: number;
}

/** States at single tokens of answers. */
export interface TokenStates {
  /** float32 [tokens, hidden] by layer, in the order of the examples. */
  readonly states: ReadonlyMap<number, HostArray>;
  /** The example that each token belongs to. */
  readonly exampleOfToken: Int32Array;
}

/**
 * The residual stream of a model at the tokens of answers, end of turn included; with an adapter by default what the adapter
 * changes in it.
 *
 * @throws RegularizerOptionError for a layer that does not exist; AdapterMismatchError when the model lacks a module of
 * the adapter; TrainOptionError; CompileError; what tokenising throws.
 */
export async function answerTokenStates(
  examples: readonly ChatExample[],
  options: TokenStatesOptions,
): Promise<TokenStates> {
  const { model, adapter, of = 'difference', maxTokens = 8192 } = options;
  const layers = resolveLayers(options.layers ?? 'all', model.config.layerCount);
  const width = model.config.hiddenSize;
  const { rowOfToken, exampleOfToken } = chooseTokens(tokenizeExamples(examples, options), maxTokens);
  const states = new Map(layers.map((layer) => [layer, new Float32Array(exampleOfToken.length * width)]));
  const executable = await compile(
    (inputs: NamedTensors) => {
      const adapted = model.forward(inputs.tokenIds!, adaptedForward(adapter, inputs)).states;
      if (adapter === undefined || of === 'adapter')
        return Object.fromEntries(layers.map((layer) => [String(layer), adapted[layer]!]));
      const plain = model.forward(inputs.tokenIds!).states;
      return Object.fromEntries(
        layers.map((layer) => [String(layer), subtract(adapted[layer]!, plain[layer]!)]),
      );
    },
    { ...adapterSignature(options), tokenIds: tensorType('int64', ['batch', 'seq']) },
    { ...model.runtime, ...options.runtime },
  );
  try {
    for (const { batch, places } of forwardBatches(examples, options)) {
      await setImmediate();
      const found = await executable.run({ ...adapter?.tensors, tokenIds: tokenIdsOf(batch) });
      for (const [layer, values] of states) {
        const data = found[String(layer)]!.data as Float32Array;
        for (const [at, place] of places.entries()) {
          for (const [token, row] of rowOfToken[place]!) {
            const start = (at * batch.length + token) * width;
            values.set(data.subarray(start, start + width), row * width);
          }
        }
      }
    }
  } finally {
    await executable.release();
  }
  const rows = exampleOfToken.length;
  return {
    states: new Map([...states].map(([layer, values]) => [layer, hostArray(values, [rows, width])])),
    exampleOfToken,
  };
}

/** For each example its chosen tokens, with their rows in the result. */
function chooseTokens(tokenized: readonly TokenizedExample[], maxTokens: number) {
  const total = tokenized.reduce((sum, { responseMask }) => sum + responseMask.reduce((a, b) => a + b, 0), 0);
  const taken = Math.min(total, maxTokens);
  const exampleOfToken = new Int32Array(taken);
  let [seen, row] = [0, 0];
  const rowOfToken = tokenized.map(({ responseMask }, example) => {
    const rows: (readonly [number, number])[] = [];
    for (const [token, mark] of responseMask.entries()) {
      if (mark === 0) continue;
      // The integer part grows by one at `taken` of the `total` places, evenly.
      seen += 1;
      if (Math.floor((seen * taken) / total) === row) continue;
      exampleOfToken[row] = example;
      rows.push([token, row]);
      row += 1;
    }
    return rows;
  });
  return { rowOfToken, exampleOfToken };
}
