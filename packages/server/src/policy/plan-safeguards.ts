import { EmptyDatasetError } from '@safetune/datasets';
import { RegularizerOptionError } from '@safetune/regularizers';
import { printable } from '@safetune/tensor';
import { ApiError } from '../errors.ts';
import type { ActingSafeguard } from './job-plan.ts';
import type { JobRequest } from './job-request.ts';
import type { Policy } from './policy-schema.ts';
import { mandatoryOf } from './safeguard-problems.ts';
import { type MadeSafeguard, makeSafeguard, type SafeguardConfig, withStrength } from './strength.ts';

/** A safeguard of a job, with its options. */
export interface PlannedSafeguard extends Pick<MadeSafeguard, 'name' | 'config' | 'strength'> {
  readonly by: ActingSafeguard['by'];
}

/**
 * The safeguards that act in a job: the mandatory ones in the policy's order, made stronger where that is asked for and offered, and
 * behind them what the customer adds. A customer names a safeguard as the policy does and a strength, and nothing else.
 *
 * @throws ApiError 400 for what is not offered, is weaker than the policy has it, or stronger than it may be
 */
export function planSafeguards(
  { safeguards: { mandatory, optional } }: Policy,
  asked: NonNullable<JobRequest['safeguards']>,
): PlannedSafeguard[] {
  const own = mandatory.map((config) => makeSafeguard(config));
  const byName = new Map(own.map((made) => [made.name, made]));
  const offers = new Map(
    optional.map(({ safeguard, up_to: upTo }) => {
      const strengthens = mandatoryOf(safeguard, byName);
      const config = strengthens?.config ?? safeguard;
      const { name } = strengthens ?? makeSafeguard(withStrength(safeguard, upTo));
      return [name, { config, upTo, strengthens }] as const;
    }),
  );
  const planned = new Map<string, PlannedSafeguard>(
    own.map(({ name, config, strength }) => [name, { name, config, strength, by: 'policy' }]),
  );
  const seen = new Set<string>();
  for (const [index, { type, strength }] of asked.entries()) {
    const refuse = (message: string, field: 'type' | 'strength') =>
      new ApiError(400, message, { param: `safeguards[${index}].${field}` });
    if (seen.has(type)) throw refuse(`'${printable(type)}' is asked for twice`, 'type');
    seen.add(type);
    const offer = offers.get(type);
    if (offer === undefined) {
      throw refuse(
        byName.has(type)
          ? `'${printable(type)}' acts in every job as the provider has it, and cannot be changed`
          : `there is no safeguard '${printable(type)}' to be asked for; there are ${[...offers.keys()].join(', ') || 'none'}`,
        'type',
      );
    }
    const least = offer.strengthens?.strength ?? 0;
    if (strength < least)
      throw refuse(
        `'${type}' acts in every job with a strength of ${least}; ${strength} is weaker`,
        'strength',
      );
    if (strength > offer.upTo)
      throw refuse(`'${type}' may have a strength of at most ${offer.upTo}, not ${strength}`, 'strength');
    if (strength === least) continue;
    const config = withStrength(offer.config, strength);
    requireMade(config, (message) => refuse(message, 'strength'));
    const by = offer.strengthens === undefined ? 'customer' : 'strengthened';
    planned.set(type, { name: type, config, strength, by });
  }
  return [...planned.values()];
}

/** Not every number will do: some strengths are whole numbers. */
function requireMade(config: SafeguardConfig, refuse: (message: string) => ApiError): void {
  try {
    makeSafeguard(config);
  } catch (error) {
    if (!RegularizerOptionError.isInstance(error) && !EmptyDatasetError.isInstance(error)) throw error;
    throw refuse(error.message);
  }
}
