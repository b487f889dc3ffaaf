import { type GivenValue, plainProbes } from '@safetune/trainer';
import type { OptionDefinition } from './command.ts';
import { givenValues, integerOption, repeatedOption } from './option-values.ts';
import { UsageError } from './usage-error.ts';

/** Steps between two looks where nothing else is said. */
const usualSteps = 20;

/** The options of `train` that have a sentinel watch the run. */
export const sentinelOptionDefinitions: Readonly<Record<string, OptionDefinition>> = {
  sentinel: {
    type: 'string',
    repeatable: true,
    valueHint: 'PROBE[=BOUND]',
    description:
      `have a sentinel look at the run with a probe: ${plainProbes().join(' or ')}; beyond a bound, such as log-odds=0.5, the run goes back ` +
      'to the last look within it and ends. May be given several times; other bounds and probes in a run file',
  },
  'sentinel-every': {
    type: 'string',
    valueHint: 'N',
    description: `steps between two looks of the sentinel (default ${usualSteps})`,
  },
};

/**
 * What these options say of a run.
 *
 * @throws UsageError for what is no probe, one that needs a file, or a bound that is no number.
 */
export function givenSentinel(rawArgs: readonly string[]): GivenValue[] {
  const probes = repeatedOption('sentinel', rawArgs).map(probeOf);
  const every = integerOption('sentinel-every', givenValues('sentinel-every', rawArgs)[0]);
  if (probes.length > 0)
    return [{ path: ['sentinel'], value: { every_steps: every ?? usualSteps, probes }, name: '--sentinel' }];
  if (every === undefined) return [];
  return [{ path: ['sentinel', 'every_steps'], value: every, name: '--sentinel-every' }];
}

function probeOf(text: string): object {
  const [type = '', bound] = text.split('=', 2);
  const types = plainProbes();
  if (!types.includes(type)) {
    throw new UsageError(
      `--sentinel '${text}' must be ${types.join(' or ')}, or one of them with =BOUND; a probe that reads a file is given in a run file ` +
        '(--config), under sentinel',
    );
  }
  if (bound === undefined) return { type };
  const value = bound.trim() === '' ? Number.NaN : Number(bound);
  if (!Number.isFinite(value))
    throw new UsageError(`--sentinel '${text}' does not end in a number; write for example ${type}=0.5`);
  return { type, bounds: { roll_back: value } };
}
