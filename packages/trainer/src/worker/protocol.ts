import type { ChatExample } from '@safetune/datasets';
import type { GeneratedToken, GenerateOptions, GenerationProgress, LoadModelOptions } from '@safetune/models';
import type { RegularizerConfig } from '@safetune/regularizers';
import type { RuntimeOptions } from '@safetune/tensor';
import type { TrainEvent } from '../run/progress.ts';
import type { AdapterRunOptions } from '../run/run-directory.ts';
import type { TrainResult } from '../run/train-options.ts';
import type { SentinelConfig } from '../sentinel/config.ts';
import type { AdapterDescription } from './adapter-description.ts';
import type { TransferredError } from './error-transfer.ts';

/** What the calling thread sends. */
export type Request =
  | {
      readonly type: 'call';
      readonly id: number;
      readonly method: keyof WorkerMethods;
      readonly argument: unknown;
    }
  | { readonly type: 'abort'; readonly id: number }
  | { readonly type: 'stop'; readonly id: number; readonly reason: string };

/** What the worker answers. A call ends with `result`, `failure` or `aborted`. */
export type Reply =
  | { readonly type: 'event'; readonly id: number; readonly event: unknown }
  | { readonly type: 'result'; readonly id: number; readonly value: unknown }
  | { readonly type: 'failure'; readonly id: number; readonly error: TransferredError }
  | { readonly type: 'aborted'; readonly id: number };

/** What a running call may do besides ending. */
export interface CallContext<Event> {
  emit(event: Event): void;
  /** Aborted when the caller's signal is, between two steps. */
  readonly signal: AbortSignal;
  /** Calls when the caller asks the run to end well, with the reason. */
  onStop(stop: (reason: string) => void): void;
}

type Method<Argument, Event, Result> = (argument: Argument, context: CallContext<Event>) => Promise<Result>;

/** The functions that a worker offers. Arguments, events and results are cloned on their way. */
export interface WorkerMethods {
  readonly train: Method<TrainCall, TrainCallEvent, TrainResult>;
  readonly createGenerator: Method<GeneratorCall, never, void>;
  readonly generate: Method<GenerateCall, GenerateCallEvent, number[][]>;
  readonly release: Method<undefined, never, void>;
}

/** {@link AdapterRunOptions} without its functions, and with descriptions in the place of live objects. */
export interface TrainCall
  extends Omit<
    AdapterRunOptions,
    | 'model'
    | 'tokenizer'
    | 'adapter'
    | 'regularizers'
    | 'sentinel'
    | 'examples'
    | 'step'
    | 'onFingerprint'
    | 'onEvent'
    | 'signal'
  > {
  readonly model: string;
  readonly modelOptions?: Omit<LoadModelOptions, 'onConversion'>;
  readonly tokenizer?: string;
  readonly adapter: AdapterDescription | string;
  readonly regularizers?: readonly RegularizerConfig[];
  readonly sentinel?: SentinelConfig;
  readonly examples: readonly ChatExample[];
  /** Whether to tell of examples left out; otherwise the process warns of them. */
  readonly tellSkipped?: boolean;
}

export type TrainCallEvent =
  | { readonly type: 'progress'; readonly event: TrainEvent }
  | { readonly type: 'skipped'; readonly example: ChatExample }
  /** The adapter's values at the end, however it came. */
  | { readonly type: 'parameters'; readonly values: Float32Array };

export interface GeneratorCall {
  readonly model: string;
  readonly modelOptions?: Omit<LoadModelOptions, 'onConversion'>;
  /** The folder of the tokenizer that stop strings are found with. Default: the model's. */
  readonly tokenizer?: string;
  readonly adapter?: AdapterDescription | string;
  readonly runtime?: RuntimeOptions;
}

export interface GenerateCall {
  readonly prompts: readonly (readonly number[])[];
  readonly options: Omit<GenerateOptions, 'onProgress' | 'onToken' | 'tokenizer' | 'signal'>;
  /** Whether to tell of each token. */
  readonly tellTokens: boolean;
  /** New values of the adapter. */
  readonly parameters?: Float32Array;
}

export type GenerateCallEvent =
  | { readonly type: 'progress'; readonly progress: GenerationProgress }
  | { readonly type: 'token'; readonly made: GeneratedToken };
