import { isObject, type JsonObject } from '../json.ts';

/** The roles a message may have. */
export const chatRoles = ['system', 'developer', 'user', 'assistant', 'tool'] as const;

/** A part of a content that is a list. */
export interface TextPart {
  readonly type: 'text';
  readonly text: string;
}

/** A call of a tool, with its function's name and arguments inside `function` or beside each other, as templates read either. */
export type ToolCall = JsonObject;

/**
 * One message of a conversation. The template sees every key but `weight` and `train`, under its own name, as Python's
 * transformers shows it.
 */
export interface ChatMessage {
  /** `system`, `developer`, `user`, `assistant` or `tool`. */
  readonly role: string;
  /** A text, or a list of text parts, which the template gets as it is. Null or missing beside tool calls only. */
  readonly content?: string | readonly TextPart[] | null;
  /** What the assistant thought before it answered; also `thinking` or `reasoning`. */
  readonly reasoning_content?: string;
  readonly thinking?: string;
  readonly reasoning?: string;
  readonly tool_calls?: readonly ToolCall[];
  readonly tool_call_id?: string;
  readonly name?: string;
  /** Of the loss of this message's tokens, from 0 to 1. Default 1. */
  readonly weight?: number;
  /** Whether this answer is learned. Default true. */
  readonly train?: boolean;
}

/** Names that an answer's reasoning goes by, in the order in which transformers looks for them. */
export const reasoningNames = ['reasoning_content', 'thinking', 'reasoning'] as const;

/** What a message says, without its reasoning and tool calls: its content, of parts their texts. */
export function messageText({ content }: ChatMessage): string {
  if (typeof content === 'string') return content;
  return (content ?? []).map(({ text }) => text).join('');
}

/** The reasoning that a template sees: of several names the first. */
export function messageReasoning(message: ChatMessage): string | undefined {
  const name = reasoningNames.find((key) => typeof message[key] === 'string');
  return name === undefined ? undefined : message[name];
}

/** Whether a message calls tools. */
export function callsTools({ tool_calls: calls }: ChatMessage): boolean {
  return calls !== undefined && calls !== null && calls.length > 0;
}

/** A call whose name and arguments, inside `function` or not, are changed. */
export function mapCalled(call: ToolCall, change: (called: JsonObject) => JsonObject): ToolCall {
  return isObject(call.function) ? { ...call, function: change(call.function) } : change(call);
}
