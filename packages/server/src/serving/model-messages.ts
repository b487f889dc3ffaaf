import type { ChatCall, ChatEnd, ChatPiece } from './chat.ts';

/** What the process of a model is made of. */
export interface ModelDescription {
  /** A folder, a GGUF file, or a name on the hub. */
  readonly path: string;
  readonly precision: 'float32' | 'int8' | 'int8x3';
  /** Folder of an adapter's files. */
  readonly adapter?: string;
  /** Cores of one answer. Default: all. */
  readonly threads?: number;
  /** Most tokens of a question and its answer together. */
  readonly contextTokens: number;
}

/** What is asked of a model: a call without what belongs to the service. */
export type ModelQuestion = Omit<ChatCall, 'base' | 'adapter' | 'signal'>;

/** Why an answer, or the model, failed: as the client is told it, and what only the service's log is told. */
export interface ModelFailure {
  readonly status: number;
  readonly code: string | null;
  readonly message: string;
  readonly param: string | null;
  readonly detail: string | undefined;
}

/** What the service tells the process. */
export type ModelRequest =
  | { readonly type: 'open'; readonly description: ModelDescription }
  | { readonly type: 'answer'; readonly id: number; readonly question: ModelQuestion }
  /** Nobody wants the answer any more. */
  | { readonly type: 'leave'; readonly id: number };

/** What the process tells the service. An answer ends with `end`, `failed` or `left`. */
export type ModelReply =
  | { readonly type: 'opened' }
  | { readonly type: 'not-opened'; readonly failure: ModelFailure }
  | { readonly type: 'piece'; readonly id: number; readonly piece: ChatPiece }
  | { readonly type: 'end'; readonly id: number; readonly end: ChatEnd }
  | { readonly type: 'failed'; readonly id: number; readonly failure: ModelFailure }
  | { readonly type: 'left'; readonly id: number };
