import { ApiError } from '../errors.ts';
import type { JobPlan } from './job-plan.ts';

/** Types that act on a share of the stream of examples. */
const ofShares: ReadonlySet<string> = new Set(['interleaving', 'backdoor-align', 'inoculation']);

/**
 * Makes sure that every safeguard comes to act: one that acts on every twentieth example would never do so in a file of ten.
 *
 * @param examples of the training file, those that are trained on
 * @throws ApiError 400
 */
export function requireActing(
  { run, safeguards, hyperparameters: { n_epochs } }: JobPlan,
  examples: number,
  most: number,
): void {
  const refuse = (message: string) =>
    new ApiError(400, message, { code: 'invalid_training_file', param: 'training_file' });
  if (examples > most) throw refuse(`the training file has ${examples} examples, must have at most ${most}`);
  for (const [index, config] of (run.regularizers ?? []).entries()) {
    if (!ofShares.has(config.type)) continue;
    const { type: name, strength } = safeguards[index]!;
    const needed = strength === null || strength === 0 ? 0 : Math.ceil(1 / strength);
    if (examples * n_epochs >= needed) continue;
    throw refuse(
      `${examples} examples in ${n_epochs} epochs are too few for the safeguard '${name}', which acts on one of ${needed}: ` +
        `give at least ${Math.ceil(needed / n_epochs)} examples`,
    );
  }
}
