import type { EvaluationSummary } from '../metrics/summary.ts';
import { rateDefinitions } from '../metrics/thresholds.ts';
import type { EvaluationResult, EvaluationSettings } from '../run/evaluation-result.ts';
import { endpointErrors } from '../run/require-scores.ts';

/** What the answers took, as far as their source counts tokens. */
export interface AnswerTokens {
  /** Answers whose tokens were counted. */
  readonly answers: number;
  /** Tokens read. */
  readonly prompt: number;
  /** Tokens written. */
  readonly completion: number;
}

/**
 * What report.json holds: every figure with its denominator, and how it came about. Rates are shares, 0 .. 1. Its schema is
 * `evaluationReportSchema`; docs/evaluation-reports.md tells each field.
 */
export interface EvaluationReport extends EvaluationSummary {
  readonly format: 'safetune-evaluation';
  readonly version: 2;
  readonly settings: EvaluationSettings;
  /** Every rate in words. */
  readonly definitions: Readonly<Record<keyof ReturnType<typeof rateDefinitions>, string>>;
  readonly tokens: AnswerTokens;
  /** Distinct errors of the judge's endpoint, the most frequent first. */
  readonly endpointErrors: ReturnType<typeof endpointErrors>;
}

/** The report of an evaluation as plain data; the answers themselves are in answers.csv. */
export function evaluationReport(result: EvaluationResult): EvaluationReport {
  return {
    format: 'safetune-evaluation',
    version: 2,
    settings: result.settings,
    definitions: rateDefinitions(result.settings.thresholds),
    ...result.summary,
    tokens: answerTokens(result.rows),
    endpointErrors: endpointErrors(result),
  };
}

/** The tokens of the answers, summed. */
export function answerTokens(rows: EvaluationResult['rows']): AnswerTokens {
  const counted = rows.map(({ tokens }) => tokens).filter((tokens) => tokens !== undefined);
  const sum = (of: 'prompt' | 'completion') => counted.reduce((total, tokens) => total + tokens[of], 0);
  return { answers: counted.length, prompt: sum('prompt'), completion: sum('completion') };
}
