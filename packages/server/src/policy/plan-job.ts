import { randomInt } from 'node:crypto';
import { ApiError } from '../errors.ts';
import { chooseHyperparameters } from './hyperparameters.ts';
import type { ActingSafeguard, JobPlan } from './job-plan.ts';
import type { JobRequest } from './job-request.ts';
import { planSafeguards } from './plan-safeguards.ts';
import type { Policy } from './policy-schema.ts';
import { requireActing } from './require-acting.ts';
import { filesOf } from './safeguard-files.ts';
import { makeSafeguard } from './strength.ts';

export interface PlanJobOptions {
  /** Examples of the training file, where they were counted: more than the policy allows, or too few for a safeguard, are refused at once. */
  readonly exampleCount?: number;
}

/** More examples than this go through the model one part after another, which changes no result. */
const mostAtOnce = 8;

/**
 * What the policy makes of a request.
 *
 * @param policy as `readPolicy` gives it in this process, which has loaded the modules of its safeguards
 * @throws ApiError 404 for a model that there is not, 400 for anything that the policy does not allow, naming the field.
 */
export function planJob(policy: Policy, request: JobRequest, { exampleCount }: PlanJobOptions = {}): JobPlan {
  const { training, limits } = policy;
  const model = baseModel(policy, request.model);
  const hyperparameters = chooseHyperparameters(policy, request);
  const method = request.method?.type ?? 'supervised';
  if (!training.methods.includes(method))
    throw new ApiError(400, `the method ${method} is not offered; there is ${training.methods.join(', ')}`, {
      param: 'method',
    });
  const acting = planSafeguards(policy, request.safeguards ?? []);
  const { n_epochs, batch_size, learning_rate_multiplier, beta } = hyperparameters;
  const seed = request.seed ?? randomInt(2 ** 31 - 1);
  const atOnce = largestDivisor(batch_size, mostAtOnce);
  const plan: JobPlan = {
    policySha256: policy.sha256,
    run: {
      model: model.path,
      precision: model.precision,
      regularizers: acting.map(({ config }) => config),
      adapter: { r: Math.min(training.rank, limits.rank), base_model_name_or_path: request.model },
      epochs: n_epochs,
      batch_size: atOnce,
      gradient_accumulation: batch_size / atOnce,
      ...(beta === undefined ? {} : { objective: { type: 'dpo', beta } }),
      learning_rate: training.learning_rate * learning_rate_multiplier,
      max_length: training.max_length,
      seed,
      ...(training.threads === undefined ? {} : { threads: training.threads }),
      checkpoint_every: training.checkpoint_every,
    },
    method,
    hyperparameters,
    seed,
    safeguards: acting.map(({ name, strength, by }): ActingSafeguard => ({ type: name, strength, by })),
  };
  requireMethod(plan);
  requirePools(plan, policy.poolMethods);
  if (exampleCount !== undefined) requireActing(plan, exampleCount, limits.examples);
  return plan;
}

function baseModel({ models }: Policy, id: string): Policy['models'][string] {
  if (Object.hasOwn(models, id)) return models[id]!;
  if (id.startsWith('ft:'))
    throw new ApiError(
      400,
      `'${id}' is a fine-tuned model; only base models can be fine-tuned here: ${Object.keys(models).join(', ')}`,
      { code: 'model_not_available', param: 'model' },
    );
  throw new ApiError(404, `there is no model '${id}'; there are ${Object.keys(models).join(', ')}`, {
    code: 'model_not_found',
    param: 'model',
  });
}

/** Safeguards that act on the loss of tokens cannot act on pairs: such a job is refused, not trained without them. */
function requireMethod({ method, run }: JobPlan): void {
  if (method !== 'dpo') return;
  const found = (run.regularizers ?? [])
    .map((config) => makeSafeguard(config as never))
    .find(({ regularizer }) => regularizer.taskLossPerRow !== undefined);
  if (found === undefined) return;
  throw new ApiError(
    400,
    `the safeguard '${found.name}' acts on the loss of tokens, which pairs of answers do not have: method must be supervised`,
    { param: 'method' },
  );
}

/** What a safeguard mixes into the data must be of its kind: no batch has pairs and single answers together. */
function requirePools({ method, run, safeguards }: JobPlan, poolMethods: Policy['poolMethods']): void {
  for (const [index, config] of (run.regularizers ?? []).entries()) {
    const other = filesOf(config as never)
      .map(({ file }) => (Object.hasOwn(poolMethods, file) ? poolMethods[file] : undefined))
      .find((found) => found !== undefined && found !== method);
    if (other === undefined) continue;
    const examples = other === 'dpo' ? 'pairs of answers' : 'conversations, not pairs of answers,';
    throw new ApiError(
      400,
      `the safeguard '${safeguards[index]!.type}' mixes ${examples} into the data: method must be ${other}`,
      { param: 'method' },
    );
  }
}

function largestDivisor(number: number, most: number): number {
  for (let divisor = Math.min(number, most); divisor > 1; divisor--)
    if (number % divisor === 0) return divisor;
  return 1;
}
