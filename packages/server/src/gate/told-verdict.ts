import type { GateVerdict } from './gate-verdict.ts';
import { outcomeOf, outcomeOfOne } from './rule.ts';

/**
 * What the owner of a model is told of its verdict: all of it; or, where the policy keeps figures back, the outcome and the names of the
 * measurements that it came of, with neither values nor bounds, from which somebody could learn how much passes.
 */
export function toldVerdict({ told, ...verdict }: GateVerdict): GateVerdict {
  if (told === undefined) return verdict;
  return { ...verdict, measurements: [], reason: reasonWithoutFigures(verdict) };
}

/** Of a verdict whose figures are kept back. */
export function reasonWithoutFigures({
  measurements,
  reason,
}: Pick<GateVerdict, 'measurements' | 'reason'>): string {
  // Nothing was measured, and the reason says so.
  if (measurements.length === 0) return reason;
  const outcome = outcomeOf(measurements);
  const names = measurements
    .filter((measurement) => outcomeOfOne(measurement) === outcome)
    .map(({ name, value }) => (value === null ? `${name} could not be measured` : name));
  return `${outcome}: ${names.join('; ')}. The provider keeps the figures`;
}
