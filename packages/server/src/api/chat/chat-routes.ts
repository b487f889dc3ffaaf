import { ApiError } from '../../errors.ts';
import { secretPromptOf } from '../../policy/secret-prompt.ts';
import type { KeyRecord } from '../../records/key-record.ts';
import { newId } from '../../records/new-id.ts';
import { unixTime } from '../../records/unix-time.ts';
import type { AnsweringService } from '../../service.ts';
import type { ChatCall, ChatEnd, ChatPiece } from '../../serving/chat.ts';
import { defineRoute } from '../route.ts';
import { isVisible, noSuchModel } from '../visible.ts';
import { chatOptions, chatRequestSchema } from './chat-request.ts';
import {
  type CompletionHead,
  chunkObject,
  completionObject,
  completionSchema,
  type PieceTokens,
  usageChunk,
} from './completion-object.ts';

const createChatCompletion = defineRoute({
  method: 'POST',
  path: '/v1/chat/completions',
  operation: 'createChatCompletion',
  summary: 'Answers a conversation: whole, or with stream: true as it is made.',
  access: 'key',
  // Fewer than may wait for a model, so that one tenant keeps nobody from it.
  atOnce: 12,
  body: chatRequestSchema,
  answer: completionSchema,
  async handle({ service, key, body, signal }) {
    const options = chatOptions(body, service.policy.limits.completion_tokens);
    const model = await answeringModel(service, key!, body.model);
    const head = { id: newId('chatcmpl-'), created: unixTime(), model: body.model };
    const answer = service.chat.answer({ ...options, ...model, signal });
    if (body.stream !== true) {
      const { text, tokens, end } = await whole(answer);
      return { type: 'json', value: completionObject(head, text, tokens, end) };
    }
    const withUsage = body.stream_options?.include_usage === true;
    return { type: 'events', events: chunks(head, answer, withUsage) };
  },
});

/**
 * A base model, or a fine-tune that was released.
 *
 * @throws ApiError 404 for one that is not there, or is another tenant's; 403 for one of the tenant's that was not released.
 */
async function answeringModel(
  { policy, records }: AnsweringService,
  key: KeyRecord,
  id: string,
): Promise<Pick<ChatCall, 'base' | 'adapter' | 'secretPrompt'>> {
  if (Object.hasOwn(policy.models, id)) return { base: id };
  const model = await records.get('model', id);
  if (model === undefined || model.deletedAt !== undefined || !isVisible(key, model)) throw noSuchModel(id);
  if (model.status !== 'released') {
    const why =
      model.status === 'refused'
        ? 'was refused after its evaluation and answers nobody'
        : 'is held back by its evaluation until the operator releases it';
    throw new ApiError(403, `The model '${id}' ${why}. Its job tells what was measured.`, {
      code: `model_${model.status}`,
      param: 'model',
    });
  }
  if (!Object.hasOwn(policy.models, model.base)) {
    throw new ApiError(404, `The base model of '${id}' is not served any more.`, {
      code: 'model_not_found',
      param: 'model',
    });
  }
  const job = await records.get('job', model.jobId);
  const secretPrompt = job === undefined ? undefined : secretPromptOf(job.plan);
  return { base: model.base, adapter: model.key, ...(secretPrompt !== undefined && { secretPrompt }) };
}

async function whole(answer: AsyncGenerator<ChatPiece, ChatEnd, void>) {
  let text = '';
  let tokens: PieceTokens | undefined;
  while (true) {
    const next = await answer.next();
    if (next.done === true) return { text, tokens, end: next.value };
    text += next.value.text;
    if (next.value.tokens !== undefined) tokens = [...(tokens ?? []), ...next.value.tokens];
  }
}

async function* chunks(
  head: CompletionHead,
  answer: AsyncGenerator<ChatPiece, ChatEnd, void>,
  withUsage: boolean,
): AsyncGenerator<string> {
  // OpenAI says in every chunk but the last that the tokens are not told yet.
  const usage = withUsage ? ({ usage: null } as const) : {};
  let isFirst = true;
  try {
    while (true) {
      const next = await answer.next();
      if (isFirst) {
        yield JSON.stringify(chunkObject(head, { delta: { role: 'assistant', content: '' } }, usage));
        isFirst = false;
      }
      if (next.done === true) {
        const { finishReason } = next.value;
        yield JSON.stringify(chunkObject(head, { delta: {}, finishReason }, usage));
        if (withUsage) yield JSON.stringify(usageChunk(head, next.value));
        yield '[DONE]';
        return;
      }
      const { text, tokens } = next.value;
      yield JSON.stringify(chunkObject(head, { delta: { content: text }, tokens }, usage));
    }
  } finally {
    // Also where the client has left: the generation ends with it.
    await answer.return(undefined as never);
  }
}

export const chatRoutes = [createChatCompletion];
