import {
  ChatRenderError,
  ChatTemplateLimitError,
  GenerationError,
  MissingChatTemplateError,
  TokenizationError,
} from '@safetune/models';
import type { ModelFailure } from './model-messages.ts';

/** A conversation that fills more positions than the model, or the policy, has. */
export class ContextLengthError extends Error {
  constructor(allowed: number, found: number | undefined) {
    const have = found === undefined ? 'more' : `${found}`;
    super(
      `the model takes at most ${allowed} tokens, question and answer together; the messages have ${have}. Shorten them.`,
    );
    this.name = 'ContextLengthError';
  }
}

/** A system message behind the first: some templates keep the last alone, and with it goes the prompt that a safeguard counts on. */
export class LaterSystemMessageError extends Error {
  constructor() {
    super(
      'a system message of this model stands first and alone, as a safeguard of its training counts on it',
    );
    this.name = 'LaterSystemMessageError';
  }
}

/** A text that writes turns of its own, which would come behind that prompt. */
export class TurnMarkerError extends Error {
  constructor(marker: string) {
    super(`a message holds ${marker}, by which the model's chat template marks turns; remove it`);
    this.name = 'TurnMarkerError';
  }
}

/**
 * What an error of answering is to the client: their conversation's fault, or the service's. Messages hold no path and nothing of what
 * is the service's own.
 */
export function modelFailure(error: unknown): ModelFailure {
  if (error instanceof ContextLengthError) return refusal('context_length_exceeded', error.message);
  if (error instanceof LaterSystemMessageError) return refusal('system_message_not_first', error.message);
  if (error instanceof TurnMarkerError) return refusal('turn_marker', error.message);
  if (ChatTemplateLimitError.isInstance(error))
    return refusal(
      'chat_template_limit',
      `the model's chat template needs more than ${error.limit} for these messages; shorten them`,
    );
  if (ChatRenderError.isInstance(error))
    return refusal(
      'chat_template_refused',
      `the model's chat template does not take these messages: ${error.reason}`,
    );
  if (MissingChatTemplateError.isInstance(error))
    return refusal('no_chat_template', 'the model has no chat template: it does not answer conversations');
  if (TokenizationError.isInstance(error)) return refusal('text_refused', error.message);
  if (GenerationError.isInstance(error) && error.prompt === undefined)
    return refusal('invalid_value', error.message, null);
  const detail = error instanceof Error ? `${error.name}: ${error.message}` : 'something else was thrown';
  return { status: 500, code: 'model_failed', message: 'the model could not answer', param: null, detail };
}

function refusal(code: string, message: string, param: string | null = 'messages'): ModelFailure {
  return { status: 400, code, message, param, detail: undefined };
}
