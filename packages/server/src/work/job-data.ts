import { join } from 'node:path';
import { type ChatExample, tokenizeChats } from '@safetune/datasets';
import { loadTokenizer, resolveModel } from '@safetune/models';
import { ApiError } from '../errors.ts';
import { type FilePurpose, fileError, readTrainingFile } from '../policy/read-training-file.ts';
import { refuseTurnMarkers } from '../policy/turn-markers.ts';
import type { JobContext } from './job-context.ts';

/** The files of a job, read and checked. */
export interface JobData {
  readonly examples: readonly ChatExample[];
  /** Those of the validation file. */
  readonly heldOut: readonly ChatExample[];
  readonly trainingPath: string;
  readonly validationPath: string | undefined;
  /** Steps between two evaluations of the validation file. */
  readonly evaluateEvery: number;
}

/**
 * Fetches and checks the files of a job: every line, and how many tokens there are to be trained.
 *
 * @throws ApiError 400 with the line at fault
 */
export async function openJobData(context: JobContext): Promise<JobData> {
  const { files, start, say } = context;
  const { job, policy, trainingFile, validationFile, directory } = start;
  const { method } = job.plan;
  const open = async (file: typeof trainingFile, purpose: FilePurpose) => {
    const path = join(directory, `${purpose}.jsonl`);
    await files.fetch(file.key, path);
    const { examples, tagged } = await readTrainingFile(path, {
      method,
      purpose,
      most: policy.limits.examples,
    });
    if (tagged > 0) say(`${tagged} examples of ${file.id} have tags, which nothing here goes by`, 'warn');
    return { path, examples };
  };
  say(`Validating training file: ${trainingFile.id}`);
  const training = await open(trainingFile, 'training_file');
  if (validationFile !== null) say(`Validating validation file: ${validationFile.id}`);
  const validation = validationFile === null ? undefined : await open(validationFile, 'validation_file');
  const trained = await requireTokens(context, training.examples, 'training_file');
  const heldOut =
    validation === undefined ? 0 : await requireTokens(context, validation.examples, 'validation_file');
  return {
    examples: training.examples,
    heldOut: validation?.examples ?? [],
    trainingPath: training.path,
    validationPath: validation?.path,
    evaluateEvery: evaluationInterval({
      steps: Math.ceil(
        (training.examples.length * job.plan.hyperparameters.n_epochs) / job.plan.hyperparameters.batch_size,
      ),
      checkpointEvery: job.plan.run.checkpoint_every ?? 1,
      trained,
      heldOut,
    }),
  };
}

/**
 * Steps between two evaluations: a multiple of those between checkpoints, such that all evaluations of a run together are about as many
 * tokens as its training at most. A limit on what a job trains would else be none on what a validation file has it compute.
 */
export function evaluationInterval({
  steps,
  checkpointEvery,
  trained,
  heldOut,
}: {
  readonly steps: number;
  readonly checkpointEvery: number;
  /** Tokens of all epochs. */
  readonly trained: number;
  /** Tokens of the validation file. */
  readonly heldOut: number;
}): number {
  const most = Math.max(1, Math.floor(trained / Math.max(1, heldOut)));
  return checkpointEvery * Math.max(1, Math.ceil(steps / (checkpointEvery * most)));
}

/**
 * Makes every example tokens once, which finds what the model's template or vocabulary does not take.
 *
 * @returns how many tokens a job computes of them: those of all epochs, or of one evaluation.
 */
async function requireTokens(
  { start: { job, policy, directory }, say, signal }: JobContext,
  examples: readonly ChatExample[],
  purpose: FilePurpose,
): Promise<number> {
  const { run, hyperparameters } = job.plan;
  const tokenizer = await loadTokenizer((await resolveModel(run.model)).path);
  refuseTurnMarkers(examples, tokenizer, purpose);
  const most = policy.limits.tokens;
  let [tokens, skipped] = [0, 0];
  const tokenized = tokenizeChats(examples, tokenizer, {
    ...(run.max_length === undefined ? {} : { maxLength: run.max_length }),
    onTooLong: 'truncate-or-skip',
    onSkipped: () => {
      skipped += 1;
    },
  });
  try {
    for await (const { tokenIds, rejected } of tokenized) {
      signal.throwIfAborted();
      tokens += tokenIds.length + (rejected?.tokenIds.length ?? 0);
    }
  } catch (error) {
    throw fileError(error, join(directory, `${purpose}.jsonl`), purpose);
  }
  const epochs = purpose === 'training_file' ? hyperparameters.n_epochs : 1;
  const computed = tokens * epochs;
  if (computed > most)
    throw new ApiError(
      400,
      purpose === 'training_file'
        ? `${epochs} epochs of the file are ${computed} tokens, a job may train at most ${most}`
        : `the file has ${computed} tokens, must have at most ${most}`,
      { code: `invalid_${purpose}`, param: purpose },
    );
  if (skipped > 0)
    say(
      `${skipped} examples of ${purpose} are left out, as their answers lie behind ${run.max_length} tokens`,
      'warn',
    );
  return computed;
}
