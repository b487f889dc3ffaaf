import { stat } from 'node:fs/promises';
import type { ChatExample } from '@safetune/datasets';
import { type CausalLm, loadModel, loadTokenizer, readModelConfig, resolveModel } from '@safetune/models';
import type { Policy } from '../policy/policy-schema.ts';
import { modelsOwnAnswers } from './own-answers.ts';
import type { ProbeRoom } from './probe.ts';

/** A base model as the policy has it. */
export type BaseModel = Pick<Policy['models'][string], 'path' | 'precision'>;

/** Opens what probes work with; the model and its answers when they are first wanted, and once. */
export async function openRoom(
  { path, precision }: BaseModel,
  {
    maxLength,
    directory,
    signal,
  }: { readonly maxLength: number; readonly directory: string; readonly signal: AbortSignal | undefined },
): Promise<ProbeRoom> {
  const { path: folder } = await resolveModel(path, signal === undefined ? {} : { signal });
  const tokenizer = await loadTokenizer(folder);
  // A GGUF file says it only when it is opened as a model.
  const config = (await stat(folder)).isDirectory() ? (await readModelConfig(folder)).config : undefined;
  let model: Promise<CausalLm> | undefined;
  let own: Promise<readonly ChatExample[]> | undefined;
  const openModel = () => {
    model ??= loadModel(folder, { precision });
    return model;
  };
  return {
    tokenizer,
    maxLength: Math.min(maxLength, config?.maximumPositions ?? maxLength),
    vocabularySize: config?.vocabularySize,
    directory,
    signal,
    model: openModel,
    async ownAnswers() {
      own ??= openModel().then((opened) => modelsOwnAnswers(opened, tokenizer, signal));
      return own;
    },
  };
}
