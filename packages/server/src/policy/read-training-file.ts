import {
  type ChatExample,
  type ChatMessage,
  DatasetFileError,
  EmptyDatasetError,
  openDataset,
} from '@safetune/datasets';
import { printableMessage } from '@safetune/tensor';
import { ApiError } from '../errors.ts';
import type { JobPlan } from './job-plan.ts';

/** What a customer's file may be for: only what it is called in messages differs. */
export type FilePurpose = 'training_file' | 'validation_file';

export interface ReadTrainingFileOptions {
  readonly method: JobPlan['method'];
  readonly purpose: FilePurpose;
  /** Most examples that it may have. */
  readonly most: number;
}

export interface TrainingFile {
  readonly examples: readonly ChatExample[];
  /** How many lines had tags, which were taken out. */
  readonly tagged: number;
}

const longestLine = 16 * 2 ** 20;

/** Keys of a message that OpenAI's form has; a template sees no others. */
const messageKeys = ['role', 'content', 'name', 'weight', 'tool_calls', 'tool_call_id', 'reasoning_content'];

/**
 * The examples of a customer's file, as far as they may be trained on: OpenAI's form, JSON Lines, and nothing in them by which safeguards
 * tell examples apart, or by which a chat template could leave out what a safeguard has added.
 *
 * @throws ApiError 400 'invalid_training_file' (or `invalid_validation_file`) with the line at fault
 */
export async function readTrainingFile(
  path: string,
  { method, purpose, most }: ReadTrainingFileOptions,
): Promise<TrainingFile> {
  const shape = method === 'dpo' ? 'openai-preference' : 'messages';
  const examples: ChatExample[] = [];
  let tagged = 0;
  try {
    const dataset = await openDataset({ path, format: 'jsonl', shape }, { maxRowBytes: longestLine });
    if (dataset.files[0]?.compression !== undefined)
      throw invalid(purpose, 'it is compressed; upload JSON Lines as they are');
    for await (const example of dataset) {
      if (examples.length === most) throw invalid(purpose, `it has more than ${most} examples`);
      const line = example.origin?.line ?? 0;
      const problem = exampleProblem(example);
      if (problem !== undefined) throw invalid(purpose, `line ${line}: ${problem}`);
      if ((example.tags?.length ?? 0) > 0) tagged += 1;
      examples.push(plain(example, { file: purpose, line }));
    }
  } catch (error) {
    throw ApiError.isInstance(error) ? error : fileError(error, path, purpose);
  }
  return { examples, tagged };
}

/** An error of reading examples or of making them tokens, as their owner is told it; others are thrown as they are. */
export function fileError(error: unknown, path: string, purpose: FilePurpose): unknown {
  if (!(error instanceof Error)) return error;
  const line = lineOf(error);
  if (line === undefined && !DatasetFileError.isInstance(error) && !EmptyDatasetError.isInstance(error))
    return error;
  // Where the file lies here is nobody's business.
  const message = [path, purpose]
    .reduce((text, file) => text.replaceAll(`${file}:${line}: `, ''), error.message)
    .replaceAll(path, purpose);
  return invalid(purpose, line === undefined ? message : `line ${line}: ${message}`);
}

function lineOf(error: Error): number | undefined {
  const { line, origin } = error as {
    readonly line?: unknown;
    readonly origin?: { readonly line?: unknown };
  };
  const found = line ?? origin?.line;
  return typeof found === 'number' ? found : undefined;
}

function invalid(purpose: FilePurpose, message: string): ApiError {
  return new ApiError(400, printableMessage(message), { code: `invalid_${purpose}`, param: purpose });
}

function exampleProblem({
  messages,
  rejected,
  text,
  documents,
  templateArguments,
}: ChatExample): string | undefined {
  if (text !== undefined) return 'plain texts are not trained on here; write messages';
  if (documents !== undefined) return '"documents" are not taken here; write them into a message';
  if (templateArguments !== undefined)
    return '"chat_template_kwargs" are the provider\'s to choose; remove them';
  for (const list of rejected === undefined ? [messages] : [messages, rejected]) {
    const problem = messagesProblem(list, rejected !== undefined);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

function messagesProblem(messages: readonly ChatMessage[], isPair: boolean): string | undefined {
  for (const [index, message] of messages.entries()) {
    const problem = messageProblem(message, isPair && index < messages.length - 1);
    if (problem !== undefined) return `messages[${index}]: ${problem}`;
    if (index > 0 && /^(system|developer)$/.test(message.role))
      return `messages[${index}]: a ${message.role} message stands first and alone; write what it says into the first one`;
  }
  const learned = messages.filter(({ role, weight = 1 }) => role === 'assistant' && weight > 0);
  const last = messages.at(-1);
  const isLearned = isPair ? last !== undefined && learned.includes(last) : learned.length > 0;
  return isLearned ? undefined : 'there is nothing to learn: no answer of the assistant has a weight of 1';
}

/** @param isPrompt whether it is a message before a pair of answers: of these nothing is learned, which reading them has noted. */
function messageProblem(message: ChatMessage, isPrompt: boolean): string | undefined {
  for (const [key, value] of Object.entries(message)) {
    const isNoted = key === 'train' && value === false && isPrompt;
    if (messageKeys.includes(key) || isNoted || isNothing(value)) continue;
    return `the key "${key}" is not taken here; there are ${messageKeys.join(', ')}`;
  }
  const { weight } = message;
  return weight === undefined || weight === 0 || weight === 1
    ? undefined
    : `"weight" is ${weight}, must be 0 or 1`;
}

/** What exporters write beside every message. */
function isNothing(value: unknown): boolean {
  if (value === null || value === undefined || value === '') return true;
  return typeof value === 'object' && Object.keys(value).length === 0;
}

/** Without tags, and with `developer` as the system message that it is. */
function plain(example: ChatExample, origin: NonNullable<ChatExample['origin']>): ChatExample {
  const { messages, rejected, tools } = example;
  return {
    messages: messages.map(plainMessage),
    ...(rejected && { rejected: rejected.map(plainMessage) }),
    ...(tools && { tools }),
    origin,
  };
}

function plainMessage(message: ChatMessage): ChatMessage {
  const kept = Object.entries(message).filter(
    ([key, value]) => key === 'content' || messageKeys.includes(key) || (key === 'train' && value === false),
  );
  const role = message.role === 'developer' ? 'system' : message.role;
  return { ...Object.fromEntries(kept), role } as ChatMessage;
}
