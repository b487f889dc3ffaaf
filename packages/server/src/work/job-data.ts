import { join } from 'node:path';
import { type ChatExample, tokenizeChats } from '@safetune/datasets';
import { loadTokenizer, resolveModel } from '@safetune/models';
import { ApiError } from '../errors.ts';
import { type FilePurpose, fileError, readTrainingFile } from '../policy/read-training-file.ts';
import type { JobContext } from './job-context.ts';

/** The files of a job, read and checked. */
export interface JobData {
  readonly examples: readonly ChatExample[];
  /** Those of the validation file. */
  readonly heldOut: readonly ChatExample[];
  readonly trainingPath: string;
  readonly validationPath: string | undefined;
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
  await requireTokens(context, training.examples, 'training_file');
  if (validation !== undefined) await requireTokens(context, validation.examples, 'validation_file');
  return {
    examples: training.examples,
    heldOut: validation?.examples ?? [],
    trainingPath: training.path,
    validationPath: validation?.path,
  };
}

/** Makes every example tokens once, which finds what the model's template or vocabulary does not take. */
async function requireTokens(
  { start: { job, policy, directory }, say, signal }: JobContext,
  examples: readonly ChatExample[],
  purpose: FilePurpose,
): Promise<void> {
  const { run, hyperparameters } = job.plan;
  const tokenizer = await loadTokenizer((await resolveModel(run.model)).path);
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
  const trained = tokens * hyperparameters.n_epochs;
  if (purpose === 'training_file' && trained > most)
    throw new ApiError(
      400,
      `${hyperparameters.n_epochs} epochs of the file are ${trained} tokens, a job may train at most ${most}`,
      { code: 'invalid_training_file', param: 'training_file' },
    );
  if (skipped > 0)
    say(
      `${skipped} examples of ${purpose} are left out, as their answers lie behind ${run.max_length} tokens`,
      'warn',
    );
}
