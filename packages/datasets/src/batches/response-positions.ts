import type { Batch } from './batch.ts';

/**
 * Which token of its answer each token of a batch is, [size * length] float32: 1, 2, ... along every stretch of targets, 0 where there is
 * none. Each turn of the assistant counts anew, as does what follows a part of a turn that is left out of the targets.
 */
export function responsePositions({
  size,
  length,
  responseMask,
}: Pick<Batch, 'size' | 'length' | 'responseMask'>): Float32Array {
  const positions = new Float32Array(size * length);
  for (let token = 0; token < positions.length; token++) {
    if (responseMask[token] === 0) continue;
    const before = token % length === 0 ? 0 : positions[token - 1]!;
    positions[token] = before + 1;
  }
  return positions;
}
