import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { type LoraAdapter, loadLoraAdapter } from '@safetune/lora';
import { type CausalLm, loadModel, loadTokenizer, resolveModel, type Tokenizer } from '@safetune/models';
import {
  type PromptedMessage,
  type SystemMessage,
  withSecretPrompt,
  withSystemPrompt,
} from '@safetune/regularizers';
import { fileDigest } from '@safetune/tensor';
import { readInferencePrompt } from '@safetune/trainer';
import type { Policy } from '../policy/policy-schema.ts';

/** A finished model, opened to be measured. */
export interface AdaptedModel {
  readonly model: CausalLm;
  readonly tokenizer: Tokenizer;
  readonly adapter: LoraAdapter;
  /** SHA-256 of the adapter's weights. */
  readonly adapterSha256: string;
  /** SHA-256 of the secret prompt, where there is one. */
  readonly secretSha256?: string;
  /** A conversation as the model is asked when it is served: under the prompt that a safeguard left beside the adapter, and the secret one. */
  under<Message extends PromptedMessage>(messages: readonly Message[]): readonly (Message | SystemMessage)[];
}

/**
 * @param secretPrompt under which the model is served.
 * @throws what opening a model and an adapter throws.
 */
export async function openAdaptedModel(
  { path, precision }: Pick<Policy['models'][string], 'path' | 'precision'>,
  adapterDirectory: string,
  secretPrompt?: string,
): Promise<AdaptedModel> {
  const { path: folder } = await resolveModel(path);
  const tokenizer = await loadTokenizer(folder);
  const model = await loadModel(folder, { precision });
  const adapter = await loadLoraAdapter(adapterDirectory, { model });
  const prompt = await readInferencePrompt(adapterDirectory);
  return {
    model,
    tokenizer,
    adapter,
    adapterSha256: (await fileDigest(join(adapterDirectory, 'adapter_model.safetensors'))) ?? 'missing',
    ...(secretPrompt !== undefined && {
      secretSha256: createHash('sha256').update(secretPrompt).digest('hex'),
    }),
    under(messages) {
      const safe = prompt === undefined ? messages : withSystemPrompt(messages, prompt.systemPrompt);
      return secretPrompt === undefined ? safe : withSecretPrompt(safe, secretPrompt);
    },
  };
}
