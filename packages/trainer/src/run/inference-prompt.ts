import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Regularizer } from '@safetune/regularizers';
import { FileReadError, readSmallJson, writeFileAtomically } from '@safetune/tensor';
import { z } from 'zod';
import { TrainOptionError } from '../errors.ts';

const fileName = 'inference_prompt.json';

const schema = z.strictObject({
  /** The name of the regularizer that asks for it. */
  regularizer: z.string(),
  system_prompt: z.string().min(1),
});

/** A system prompt under which a trained model is to be asked; see `inferencePrompt` of `Regularizer`. */
export interface InferencePrompt {
  readonly regularizer: string;
  readonly systemPrompt: string;
}

/** @throws TrainOptionError when two regularizers ask for one. */
export function inferencePromptOf(regularizers: readonly Regularizer[]): InferencePrompt | undefined {
  const [first, second] = regularizers.filter(({ inferencePrompt }) => inferencePrompt !== undefined);
  if (second !== undefined) {
    const names = `${first!.name} and ${second.name}`;
    throw new TrainOptionError(
      'regularizers',
      `${names} both say under which prompt the model is to be asked`,
    );
  }
  return first && { regularizer: first.name, systemPrompt: first.inferencePrompt! };
}

/** Keeps the prompt beside an adapter, or takes away that of another adapter which lay there. @throws FileWriteError */
export async function saveInferencePrompt(
  directory: string,
  prompt: InferencePrompt | undefined,
): Promise<void> {
  const path = join(directory, fileName);
  if (prompt === undefined) return rm(path, { force: true });
  const { regularizer, systemPrompt } = prompt;
  await writeFileAtomically(
    path,
    `${JSON.stringify({ regularizer, system_prompt: systemPrompt }, null, 2)}\n`,
  );
}

/**
 * The system prompt that was kept beside an adapter: whoever asks the model puts it before any other (`withSystemPrompt` of the regularizers
 * package).
 *
 * @param directory - of the adapter.
 * @returns undefined where there is none.
 * @throws FileReadError when the file cannot be read, or holds something else.
 */
export async function readInferencePrompt(directory: string): Promise<InferencePrompt | undefined> {
  const path = join(directory, fileName);
  const held = await readSmallJson(path, { maximumBytes: 100_000 }).catch((error: unknown) => {
    if (FileReadError.isInstance(error) && error.problem === 'missing') return undefined;
    throw error;
  });
  if (held === undefined) return undefined;
  const parsed = schema.safeParse(held);
  if (!parsed.success)
    throw new FileReadError('json', path, 'must hold { "regularizer": NAME, "system_prompt": TEXT }');
  return { regularizer: parsed.data.regularizer, systemPrompt: parsed.data.system_prompt };
}
