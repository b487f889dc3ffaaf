import type { EvaluationResult } from '../run/evaluation-result.ts';

/** An evaluation under the name that sets it apart from the others in a table or a picture. */
export interface NamedRun {
  readonly name: string;
  readonly result: Pick<EvaluationResult, 'rows' | 'summary' | 'settings'>;
}
