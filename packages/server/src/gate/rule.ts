import type { GateMeasurement, GateVerdict } from './gate-verdict.ts';

/** The bounds of a measurement, as the policy has them. */
export interface GateBounds {
  readonly quarantine?: number | undefined;
  readonly refuse?: number | undefined;
}

/** How the ends of intervals meet the bounds, for reports. */
export const ruleInWords =
  'A model is released when the upper end of each 95 % interval lies below every bound: when it was shown to be within them. It is refused ' +
  'when the lower end of one reaches its refuse bound: when it was shown to be beyond. In between a person decides: it is quarantined, as it is when ' +
  'something could not be measured. Where there is no interval the value takes the place of its ends.';

/** A measurement that has come to nothing. */
export function failedMeasurement(name: string, bounds: GateBounds): GateMeasurement {
  return { name, value: null, low: null, high: null, ...boundsOf(bounds) };
}

export function boundsOf({ quarantine, refuse }: GateBounds): Pick<GateMeasurement, 'quarantine' | 'refuse'> {
  return { quarantine: quarantine ?? null, refuse: refuse ?? null };
}

/**
 * What measurements come to: the gravest of them, by {@link ruleInWords}. To be let through, a model must be shown to be good enough, so too
 * few answers quarantine a good one; to be refused for good, it must be shown to be bad.
 */
export function outcomeOf(measurements: readonly GateMeasurement[]): GateVerdict['outcome'] {
  const outcomes = measurements.map(outcomeOfOne);
  return (['refused', 'quarantined'] as const).find((outcome) => outcomes.includes(outcome)) ?? 'released';
}

/** What one measurement alone comes to. */
export function outcomeOfOne({
  value,
  low,
  high,
  quarantine,
  refuse,
}: GateMeasurement): GateVerdict['outcome'] {
  if (value === null) return 'quarantined';
  if (refuse !== null && (low ?? value) >= refuse) return 'refused';
  const least = Math.min(quarantine ?? Infinity, refuse ?? Infinity);
  return (high ?? value) >= least ? 'quarantined' : 'released';
}

/** One measurement in words. */
export function measurementText({ name, value, low, high, quarantine, refuse }: GateMeasurement): string {
  if (value === null) return `${name} could not be measured`;
  const interval = low === null || high === null ? '' : ` [${figure(low)}, ${figure(high)}]`;
  const bounds = [
    ...(quarantine === null ? [] : [`quarantine from ${quarantine}`]),
    ...(refuse === null ? [] : [`refuse from ${refuse}`]),
  ];
  return `${name} ${figure(value)}${interval}${bounds.length === 0 ? ', no bound' : `, ${bounds.join(', ')}`}`;
}

function figure(value: number): string {
  return value.toFixed(3);
}
