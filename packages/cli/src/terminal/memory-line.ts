import type { MemoryPlan } from '@safetune/trainer';

/** What a run is planned to need, part by part, and what there is. */
export function memoryLine({ chosen, available }: Pick<MemoryPlan, 'chosen' | 'available'>): string {
  const parts = [
    ['weights', chosen.weights],
    ['activations', chosen.activations],
    ['logits', chosen.logits],
    ['gradients and optimizer', chosen.trained],
    ...(chosen.observers > 0 ? ([['evaluation and sentinel', chosen.observers]] as const) : []),
    ['sessions', chosen.sessions],
  ] as const;
  const listed = parts.map(([name, bytes]) => `${name} ${gigabytes(bytes)}`);
  return `memory planned, in GB: ${listed.join(', ')}; total ${gigabytes(chosen.total)} of ${gigabytes(available)} available`;
}

function gigabytes(bytes: number): string {
  return (bytes / 1e9).toFixed(2);
}
