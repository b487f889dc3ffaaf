import type { PreviewedExample } from '@safetune/datasets';
import type { JobPlan } from '../policy/job-plan.ts';

/** What is asked of a file, of the thread that looks into it. */
export interface InspectionCall {
  /** The base model, as the policy has it. */
  readonly model: string;
  /** Of this machine's. */
  readonly file: string;
  readonly maxLength: number;
  readonly task:
    | { readonly type: 'preview'; readonly examples: number }
    | { readonly type: 'count'; readonly method: JobPlan['method']; readonly mostExamples: number };
}

/** Examples of a file as training sees them; of a pair, both answers. */
export interface Preview {
  readonly type: 'preview';
  readonly examples: readonly (readonly PreviewedExample[])[];
}

/** How much there is to train on. */
export interface TokenCount {
  readonly type: 'count';
  readonly examples: number;
  /** Tokens of all examples that are trained on, cut where they are too long; of pairs, those of both answers. */
  readonly tokens: number;
  /** Of these, what is learned. */
  readonly learned: number;
  /** Examples that are longer than is trained on. */
  readonly cut: number;
  /** Examples that training refuses, and why the first of them. */
  readonly refused: number;
  readonly firstRefusal: string | null;
}

export type InspectionResult =
  | { readonly type: 'done'; readonly result: Preview | TokenCount }
  /** The file is at fault. */
  | { readonly type: 'refused'; readonly message: string }
  /** The base model is; the log alone is told why. */
  | { readonly type: 'unavailable'; readonly reason: string };
