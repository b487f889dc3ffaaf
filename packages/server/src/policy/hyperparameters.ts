import { ApiError } from '../errors.ts';
import type { JobPlan } from './job-plan.ts';
import type { JobRequest } from './job-request.ts';
import type { Policy } from './policy-schema.ts';

/** Below it a run changes next to nothing, and would give out the base model as a fine-tuned one. */
const leastMultiplier = 1e-3;
const [defaultBeta, leastBeta] = [0.1, 0.01];

type Hyperparameters = JobPlan['hyperparameters'];

/**
 * The hyperparameters of a job: what is asked for, within the policy's limits, or what the policy takes for 'auto'.
 *
 * @throws ApiError 400 naming the field
 */
export function chooseHyperparameters(policy: Policy, request: JobRequest): Hyperparameters {
  const { training, limits } = policy;
  const choose = (name: 'n_epochs' | 'batch_size' | 'learning_rate_multiplier', auto: number) => {
    const { value, param } = asked(request, name);
    return { value: value === 'auto' ? auto : value, param };
  };
  const epochs = choose('n_epochs', training.epochs);
  const batchSize = choose('batch_size', training.batch_size);
  const multiplier = choose('learning_rate_multiplier', 1);
  requireAtMost(epochs, limits.epochs);
  requireAtMost(batchSize, limits.batch_size);
  requireAtMost(multiplier, limits.learning_rate_multiplier);
  requireAtLeast(multiplier, leastMultiplier);
  return {
    n_epochs: epochs.value,
    batch_size: batchSize.value,
    learning_rate_multiplier: multiplier.value,
    ...betaOf(request),
  };
}

function betaOf({ method }: JobRequest): Pick<Hyperparameters, 'beta'> {
  if (method?.type !== 'dpo') return {};
  const { beta } = method.dpo.hyperparameters;
  const value = beta === 'auto' ? defaultBeta : beta;
  requireAtLeast({ value, param: 'method.dpo.hyperparameters.beta' }, leastBeta);
  return { beta: value };
}

/** What a request asks for, in the place of today or in the older one. */
function asked(
  { method, hyperparameters }: JobRequest,
  name: 'n_epochs' | 'batch_size' | 'learning_rate_multiplier',
): { readonly value: number | 'auto'; readonly param: string } {
  const older = hyperparameters?.[name] ?? 'auto';
  const own = method?.type === 'dpo' ? method.dpo : method?.supervised;
  const newer = own?.hyperparameters[name] ?? 'auto';
  const places = {
    older: `hyperparameters.${name}`,
    newer: `method.${method?.type}.hyperparameters.${name}`,
  };
  if (newer !== 'auto' && older !== 'auto' && newer !== older)
    throw new ApiError(400, `${places.older} is ${older}, but ${places.newer} is ${newer}: give one`, {
      param: places.older,
    });
  return newer === 'auto' ? { value: older, param: places.older } : { value: newer, param: places.newer };
}

interface Asked {
  readonly value: number;
  readonly param: string;
}

function requireAtMost({ value, param }: Asked, most: number): void {
  if (value <= most) return;
  throw new ApiError(400, `${param} is ${value}, must be at most ${most}`, { param });
}

function requireAtLeast({ value, param }: Asked, least: number): void {
  if (value >= least) return;
  throw new ApiError(400, `${param} is ${value}, must be at least ${least}`, { param });
}
