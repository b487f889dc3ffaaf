import type { ChatExample } from '@safetune/datasets';
import type { Policy } from '../policy/policy-schema.ts';
import type { OnProgress } from '../progress.ts';
import type { GateVerdict } from './gate-verdict.ts';

export interface GateOptions {
  readonly policy: Policy;
  /** The base model as the policy has it. */
  readonly base: Pick<Policy['models'][string], 'path' | 'precision'>;
  readonly adapterDirectory: string;
  /** What was trained on: its form is asked in too. */
  readonly examples: readonly ChatExample[];
  /** Where the report goes, and what a killed gate goes on from. */
  readonly directory: string;
  readonly signal?: AbortSignal;
  readonly onProgress?: OnProgress;
}

export interface GateResult {
  readonly verdict: Omit<GateVerdict, 'report'>;
  readonly reportFile: string;
}

/** Not there yet. */
export async function gate(_options: GateOptions): Promise<GateResult> {
  throw new Error('the gate is not there yet');
}
