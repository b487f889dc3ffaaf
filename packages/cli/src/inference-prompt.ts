import { createHash } from 'node:crypto';
import type { ChatMessage } from '@safetune/models';
import { readSecretPrompt, withSecretPrompt, withSystemPrompt } from '@safetune/regularizers';
import { readInferencePrompt } from '@safetune/trainer';
import { note } from './terminal/output.ts';
import { printable } from './terminal/printable.ts';

/** What stands before the system message of whatever a model is asked. */
export const inferencePromptOptionDefinitions = {
  'secret-prompt': {
    type: 'string',
    path: 'input',
    valueHint: 'FILE',
    description: 'text that stands before every system message: the secret of the safeguard backdoor-align',
  },
  'without-recorded-prompt': {
    type: 'boolean',
    description: 'do not ask under the system prompt that a safeguard left beside the adapter',
  },
} as const;

export interface InferencePromptArguments {
  readonly 'secret-prompt'?: string | undefined;
  readonly 'without-recorded-prompt'?: boolean | undefined;
}

/** Tells whoever makes a model of an adapter under which prompt to serve it: the model has no place for it. @throws FileReadError */
export async function tellInferencePrompt(adapterDirectory: string): Promise<void> {
  const recorded = await readInferencePrompt(adapterDirectory);
  if (recorded === undefined) return;
  const { regularizer, systemPrompt } = recorded;
  note(
    `the safeguard ${printable(regularizer)} counts on this system prompt, under which the model is to be served: ${printable(systemPrompt)}\n`,
  );
}

/** What a model is asked under. */
export interface InferencePrompts {
  /** SHA-256 of it; undefined where there is nothing. */
  readonly digest: string | undefined;
  /** A conversation as the model is to see it. */
  under(messages: readonly ChatMessage[]): readonly ChatMessage[];
}

/**
 * The secret that is given, and the prompt beside the adapter, which is told on stderr.
 *
 * @throws FileReadError, RegularizerOptionError
 */
export async function inferencePrompts(
  adapterDirectory: string | undefined,
  args: InferencePromptArguments,
): Promise<InferencePrompts> {
  const secretFile = args['secret-prompt'];
  const secret = secretFile === undefined ? undefined : readSecretPrompt(secretFile);
  const recorded =
    adapterDirectory === undefined || args['without-recorded-prompt'] === true
      ? undefined
      : await readInferencePrompt(adapterDirectory);
  if (recorded !== undefined)
    note(
      `asked under the prompt of ${printable(recorded.regularizer)}: ${printable(recorded.systemPrompt)}\n`,
    );
  const texts = [secret, recorded?.systemPrompt];
  return {
    digest: texts.every((text) => text === undefined)
      ? undefined
      : createHash('sha256').update(JSON.stringify(texts)).digest('hex'),
    under(messages) {
      const safe = recorded === undefined ? messages : withSystemPrompt(messages, recorded.systemPrompt);
      return secret === undefined ? safe : withSecretPrompt(safe, secret);
    },
  };
}
