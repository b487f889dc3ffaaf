import type { ChatTokenizer } from '@safetune/datasets';
import type { LoraAdapter } from '@safetune/lora';
import type { CausalLm } from '@safetune/models';
import type { GraphMemory, RuntimeOptions } from '@safetune/tensor';

/** A cheap look at how aligned a model is under an adapter in training. A new one is one file in `probes/`. */
export interface Probe {
  /** Its key in metrics and events; one of its own in a sentinel. */
  readonly name: string;
  /** Which way is worse. Default 'higher'. */
  readonly worse?: 'higher' | 'lower';
  /** Default none: it is only recorded. */
  readonly bounds?: ProbeBounds;
  /** Everything that decides its values, plain, contents of files included: a resumed run must have the same. */
  readonly facts: unknown;
  /** What the graphs that it compiles will take in their largest runs, for the plan of a run. Without it nothing is counted. */
  graphs?(subject: ProbeSubject): readonly GraphMemory[];
  /** Bytes that it holds besides, for the plan too, such as what it compares with or a key-value cache. Default 0. */
  heldBytes?(subject: ProbeSubject): number;
  /** Compiles what it needs, once a run, and measures the reference where it compares with one. */
  open(subject: ProbeSubject): Promise<OpenProbe>;
}

/** What happens when a value is beyond a number, on the worse side of it. The gravest counts. */
export interface ProbeBounds {
  /** Only told. */
  readonly warn?: number;
  /** The run ends, and the adapter as it is is the result. */
  readonly stop?: number;
  /** The run ends, and the result is the adapter as it was when the sentinel last looked and it was within all bounds. */
  readonly rollBack?: number;
}

export interface ProbeSubject {
  readonly model: CausalLm;
  readonly tokenizer: ChatTokenizer;
  /** Its values change from one measurement to the next. */
  readonly adapter: LoraAdapter;
  /** Over what the model runs best with. */
  readonly runtime?: RuntimeOptions;
}

/** A probe made ready for one run. */
export interface OpenProbe {
  /** Measures the model under the adapter as it is now: the same values must give the same number. */
  measure(): Promise<Measurement>;
  /** Frees what was compiled. */
  release(): Promise<void>;
}

export interface Measurement {
  readonly value: number;
  /** What a person should see of it, such as the answers that broke a rule. */
  readonly findings?: readonly string[];
}
