import { TrainOptionError } from '../errors.ts';
import { checkOptionNames } from '../option-names.ts';
import type { Probe, ProbeBounds } from './probe.ts';

/** What a value beyond a bound brings about. */
export type SentinelAction = 'warn' | 'stop' | 'roll-back';

/** A bound that a value is beyond, and what follows. */
export interface Breach {
  readonly action: SentinelAction;
  readonly bound: number;
}

const gravestFirst = [
  ['roll-back', 'rollBack'],
  ['stop', 'stop'],
  ['warn', 'warn'],
] as const satisfies readonly (readonly [SentinelAction, keyof ProbeBounds])[];

/** The gravest bound that a probe's value is beyond. */
export function breachOf({ bounds = {}, worse = 'higher' }: Probe, value: number): Breach | undefined {
  for (const [action, key] of gravestFirst) {
    const bound = bounds[key];
    if (bound !== undefined && (worse === 'higher' ? value > bound : value < bound)) return { action, bound };
  }
  return undefined;
}

/** @throws TrainOptionError for bounds that are no numbers, or a key that there is not. */
export function checkBounds({ name, bounds, worse = 'higher' }: Probe): void {
  const place = `sentinel: bounds of '${name}'`;
  checkOptionNames(place, bounds, { warn: true, stop: true, rollBack: true });
  for (const [key, bound] of Object.entries(bounds ?? {})) {
    if (!Number.isFinite(bound)) throw new TrainOptionError(place, `${key} is ${bound}, must be a number`);
  }
  if (worse !== 'higher' && worse !== 'lower') {
    throw new TrainOptionError(`sentinel: '${name}'`, `worse is '${worse}', must be 'higher' or 'lower'`);
  }
}
