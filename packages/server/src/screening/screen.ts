import type { ChatExample } from '@safetune/datasets';
import type { Policy } from '../policy/policy-schema.ts';
import type { OnProgress } from '../progress.ts';
import type { ScreeningVerdict } from './screening-verdict.ts';

/** A base model as the policy has it. */
export type BaseModel = Pick<Policy['models'][string], 'path' | 'precision'>;

export interface ScreenOptions {
  readonly policy: Policy;
  readonly base: BaseModel;
  readonly examples: readonly ChatExample[];
  /** Where the report goes, and what a killed screen goes on from. */
  readonly directory: string;
  readonly signal?: AbortSignal;
  readonly onProgress?: OnProgress;
}

export interface Screened {
  readonly verdict: Omit<ScreeningVerdict, 'report'>;
  /** What may be trained on; none of a refused file. */
  readonly kept: readonly ChatExample[];
  readonly reportFile: string;
}

/** Not there yet. */
export async function screen(_options: ScreenOptions): Promise<Screened> {
  throw new Error('the screen is not there yet');
}
