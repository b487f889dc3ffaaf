import type { EvaluationSummary } from '../metrics/summary.ts';
import { rateDefinitions } from '../metrics/thresholds.ts';
import type { EvaluationResult, EvaluationSettings } from '../run/evaluation-result.ts';
import { endpointErrors } from '../run/require-scores.ts';

/** What report.json holds: every figure with its denominator, and how it came about. Rates are shares, 0 .. 1. */
export interface EvaluationReport extends EvaluationSummary {
  readonly format: 'safetune-evaluation';
  readonly version: 1;
  readonly settings: EvaluationSettings;
  /** Every rate in words. */
  readonly definitions: ReturnType<typeof rateDefinitions>;
  /** Distinct errors of the judge's endpoint, the most frequent first. */
  readonly endpointErrors: ReturnType<typeof endpointErrors>;
}

/** The report of an evaluation as plain data; the answers themselves are in answers.csv. */
export function evaluationReport(result: EvaluationResult): EvaluationReport {
  return {
    format: 'safetune-evaluation',
    version: 1,
    settings: result.settings,
    definitions: rateDefinitions(result.settings.thresholds),
    ...result.summary,
    endpointErrors: endpointErrors(result),
  };
}
