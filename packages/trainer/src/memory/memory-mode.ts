/**
 * How a training step is run, from the fastest to the one of least memory:
 *
 * - `whole`: one graph that keeps products and attention for the backward pass, and computes the rest again;
 * - `recompute`: one graph that computes each block again in its backward pass;
 * - `layered`: block by block, the blocks' weights in memory;
 * - `streamed`: block by block, the blocks' weights read from their files at each use.
 */
export type MemoryMode = (typeof memoryModes)[number];

/** Every mode, the fastest first. */
export const memoryModes = ['whole', 'recompute', 'layered', 'streamed'] as const;
