import type { Action, Reading, ScreeningFinding } from './probe.ts';

/** From which value on what happens. */
export interface ScoreBounds {
  readonly warn?: number | undefined;
  readonly drop?: number | undefined;
  readonly refuse?: number | undefined;
}

/**
 * The reading of a score: the gravest bound that it reaches is a finding. A score that is no number is one too, and drops the example: what
 * the model cannot be asked about cannot be trained either.
 */
export function scoreReading(score: number, bounds: ScoreBounds): Reading {
  if (!Number.isFinite(score))
    return {
      score: null,
      findings: [{ kind: 'not a number', action: 'drop', detail: 'the base model gives no finite score' }],
    };
  const reached = (['refuse', 'drop', 'warn'] as const).find(
    (action) => score >= (bounds[action] ?? Infinity),
  );
  return { score, findings: reached === undefined ? [] : [reachedFinding(score, reached, bounds[reached]!)] };
}

function reachedFinding(score: number, action: Action, bound: number): ScreeningFinding {
  return { kind: `${action} bound`, action, detail: `${score.toFixed(3)}, ${action} from ${bound}` };
}
