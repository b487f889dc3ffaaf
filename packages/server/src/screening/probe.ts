import type { ChatExample } from '@safetune/datasets';
import type { CausalLm, Tokenizer } from '@safetune/models';

/** What becomes of an example, from mild to grave: 'refuse' refuses the file. */
export const actions = ['keep', 'warn', 'drop', 'refuse'] as const;

export type Action = (typeof actions)[number];

/** The graver of two. */
export function graver(one: Action, other: Action): Action {
  return actions.indexOf(one) > actions.indexOf(other) ? one : other;
}

/** An example as probes see it. */
export interface ScreenedExample {
  /** Its place in the file, counted from 0. */
  readonly index: number;
  /** With its number as its origin: messages about it name no path. */
  readonly example: ChatExample;
}

/** Something that a probe found in an example. It never repeats a secret, and what it repeats is printable. */
export interface ScreeningFinding {
  /** What it is, such as 'zero width', 'exact', 'GitHub token'. */
  readonly kind: string;
  readonly action: Action;
  /** The message it is in, counted from 0, where it is in one. */
  readonly message?: number;
  /** There where that is a message of the worse answer of a pair. */
  readonly rejected?: true;
  readonly detail?: string;
}

/** What a probe says of one example. */
export interface Reading {
  /** Of probes that measure; null where the measure is no number, which is a finding as well. */
  readonly score?: number | null;
  readonly findings: readonly ScreeningFinding[];
}

/** What probes work with. */
export interface ProbeRoom {
  readonly tokenizer: Tokenizer;
  /** Most tokens of an example that are trained. */
  readonly maxLength: number;
  /** Tokens that the model knows; undefined where only the model itself says it. */
  readonly vocabularySize: number | undefined;
  /** For what a killed probe goes on from. */
  readonly directory: string;
  readonly signal: AbortSignal | undefined;
  /** Opened when it is first wanted. */
  model(): Promise<CausalLm>;
  /** The base model's own answers to everyday questions: where scores have their zero. */
  ownAnswers(): Promise<readonly ChatExample[]>;
}

/** One way of looking at examples. What it says depends on the examples, the policy and the base model alone. */
export interface ScreeningProbe {
  /** The reason that verdicts count it under. */
  readonly name: string;
  /** Such a one runs last, and not at all where the file is refused without it. */
  readonly needsModel: boolean;
  /** 'kept': it is not shown what another has dropped. */
  readonly sees: 'all' | 'kept';
  /** One reading for each example, in their order. */
  read(
    examples: readonly ScreenedExample[],
    room: ProbeRoom,
    onDone: (done: number) => void,
  ): Promise<readonly Reading[]>;
}
