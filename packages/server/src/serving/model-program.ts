/** The entry of a model's process: it loads one model, with or without an adapter, and answers one question after the other. */
import { loadLoraAdapter } from '@safetune/lora';
import {
  createGenerator,
  loadModel,
  loadTokenizer,
  resolveModel,
  streamAnswer,
  type TokenGenerator,
  type Tokenizer,
} from '@safetune/models';
import { withSecretPrompt, withSystemPrompt } from '@safetune/regularizers';
import { readInferencePrompt } from '@safetune/trainer';
import { markerIn, turnMarkers } from '../policy/turn-markers.ts';
import {
  ContextLengthError,
  LaterSystemMessageError,
  modelFailure,
  TurnMarkerError,
} from './model-failure.ts';
import type { ModelDescription, ModelQuestion, ModelReply, ModelRequest } from './model-messages.ts';
import { toldTokens } from './told-tokens.ts';

/** No token of any vocabulary is longer, spaces in a row included: a text of more characters need not be cut up to be refused. */
const longestToken = 256;

interface OpenedModel {
  readonly generator: TokenGenerator;
  readonly tokenizer: Tokenizer;
  readonly contextTokens: number;
  /** What a safeguard of the adapter counts on. */
  readonly systemPrompt: string | undefined;
}

async function open({ path, precision, adapter: folder, threads, contextTokens }: ModelDescription) {
  const { path: directory } = await resolveModel(path);
  const tokenizer = await loadTokenizer(directory);
  const model = await loadModel(directory, { precision, purpose: 'generation' });
  const adapter = folder === undefined ? undefined : await loadLoraAdapter(folder, { model });
  const generator = await createGenerator(model, {
    ...(threads === undefined ? {} : { threads }),
    // A base model answers many customers: how soon an answer begins must not tell one what another asked.
    keepsText: adapter !== undefined,
    ...(adapter === undefined ? {} : { adapter }),
  });
  return {
    generator,
    tokenizer,
    contextTokens: Math.min(contextTokens, model.config.maximumPositions),
    systemPrompt: folder === undefined ? undefined : (await readInferencePrompt(folder))?.systemPrompt,
  };
}

async function answer(model: OpenedModel, id: number, question: ModelQuestion, signal: AbortSignal) {
  const { tokenizer, contextTokens, systemPrompt } = model;
  const { messages, secretPrompt, maxTokens, temperature, topP, seed, stop, topLogProbabilities } = question;
  const isPrompted = systemPrompt !== undefined || secretPrompt !== undefined;
  if (isPrompted) {
    if (messages.slice(1).some(({ role }) => role === 'system')) throw new LaterSystemMessageError();
    const marker = markerIn(messages, turnMarkers(tokenizer));
    if (marker !== undefined) throw new TurnMarkerError(marker);
  }
  const characters = messages.reduce((sum, { content }) => sum + content.length, 0);
  if (characters > longestToken * contextTokens) throw new ContextLengthError(contextTokens, undefined);
  let promptTokens = 0;
  const bounded: TokenGenerator = {
    ...model.generator,
    generate(prompts, options) {
      promptTokens = prompts[0]!.length;
      if (promptTokens >= contextTokens) throw new ContextLengthError(contextTokens, promptTokens);
      const maxNewTokens = Math.min(maxTokens, contextTokens - promptTokens);
      return model.generator.generate(prompts, { ...options, maxNewTokens });
    },
  };
  const safe = systemPrompt === undefined ? messages : withSystemPrompt(messages, systemPrompt);
  const told = toldTokens(tokenizer, stop);
  const stream = streamAnswer(
    bounded,
    tokenizer,
    secretPrompt === undefined ? safe : withSecretPrompt(safe, secretPrompt),
    {
      maxNewTokens: maxTokens,
      temperature,
      // 0 means the likeliest token alone.
      topP: Math.max(topP, Number.EPSILON),
      seeds: [seed],
      ...(stop.length === 0 ? {} : { stopStrings: stop }),
      ...(topLogProbabilities === undefined ? {} : { logProbabilities: topLogProbabilities }),
      onToken: (made) => told.push(made),
      signal,
    },
  );
  let text = '';
  for (;;) {
    const next = await stream.next();
    if (next.done === true) {
      const { tokens, finishReason } = next.value;
      const rest = told.rest();
      if (rest.length > 0) send({ type: 'piece', id, piece: { text: '', tokens: rest } });
      const end = { finishReason, promptTokens, completionTokens: tokens.length };
      return send({ type: 'end', id, end });
    }
    text += next.value;
    const tokens = topLogProbabilities === undefined ? {} : { tokens: told.take(text) };
    send({ type: 'piece', id, piece: { text: next.value, ...tokens } });
  }
}

function send(reply: ModelReply): void {
  // Once the service is gone there is nobody to tell.
  if (process.connected) process.send!(reply, undefined, undefined, () => {});
}

let opened: OpenedModel | undefined;
const running = new Map<number, AbortController>();

async function take(request: ModelRequest): Promise<void> {
  if (request.type === 'leave') return running.get(request.id)?.abort();
  if (request.type === 'open') {
    try {
      opened = await open(request.description);
      return send({ type: 'opened' });
    } catch (error) {
      return send({ type: 'not-opened', failure: modelFailure(error) });
    }
  }
  const { id, question } = request;
  const controller = new AbortController();
  running.set(id, controller);
  try {
    await answer(opened!, id, question, controller.signal);
  } catch (error) {
    if (controller.signal.aborted) send({ type: 'left', id });
    else send({ type: 'failed', id, failure: modelFailure(error) });
  } finally {
    running.delete(id);
  }
}

process.on('message', (request: ModelRequest) => void take(request));
process.on('disconnect', () => process.exit());
// A terminal or a service manager tells every process of the service to stop: the service ends this one when its answers are done.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => {});
