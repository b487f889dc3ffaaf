import { runtimeIsLoaded } from '@safetune/tensor';

/** What a process needs besides values and weights. Figures are of onnxruntime-node 1.30 and Node.js 24 on Linux; docs/performance.md has the runs. */

/** Memory that ONNX Runtime's arena loses to gaps, as a factor. Measured: 1.0 to 1.25 at 256 and 512 tokens. */
export const arenaFactor = 1.2;

/** Of the runtime's library of 46 MB, what making a session and running it reads, once in a process. */
const libraryBytes = 23e6;

/** Of each traced node of a graph that becomes a session: its objects, its place in the encoded graph, and in the session. */
const bytesPerNode = 8500;

/** Node's `--max-semi-space-size`: V8's young generation grows to two of these in a run of some length, whatever the model. */
const semiSpace = 2 ** 24;

/**
 * Bytes of the runtime, of its compiled graphs, and of JavaScript. A run's outputs are copied into new arrays, which are collected when
 * as much as a semi-space has gathered.
 *
 * @param nodes traced nodes of all graphs that become sessions: layers that are alike share one
 * @param outputs the most bytes that one run gives
 */
export function processMemory(nodes: number, outputs: number): number {
  const library = runtimeIsLoaded() ? 0 : libraryBytes;
  return library + 2 * semiSpace + compiledMemory(nodes) + semiSpace + outputs;
}

/** Bytes of compiled graphs beside others. */
export function compiledMemory(nodes: number): number {
  return bytesPerNode * nodes;
}
