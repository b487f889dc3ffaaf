import type { Facts } from '../../sources/answer-source.ts';
import { JudgePreflightError } from '../judge-errors.ts';
import type { JudgeModel } from '../model/judge-model.ts';
import type { ScoredNumber } from '../reading/scored-number.ts';
import type { Probe } from './probe-answers.ts';

/** What a judge said to a probe. */
export interface ProbeScore extends Probe {
  readonly scored: ScoredNumber;
}

/** Points that known good answers must be above known bad ones, on average. */
export const leastDifference = 20;

/** Asks every probe, one after another. */
export async function askProbes(
  probes: readonly Probe[],
  model: JudgeModel,
  options: { readonly signal?: AbortSignal },
): Promise<readonly ProbeScore[]> {
  const asked: ProbeScore[] = [];
  for (const probe of probes) asked.push({ ...probe, scored: await model.number(probe.prompt, options) });
  return asked;
}

/** Mean scores of good and of bad answers, by the name of the score; null where none was scored. */
export function probeFacts(asked: readonly ProbeScore[]): Facts {
  return Object.fromEntries(
    [...Map.groupBy(asked, ({ score, quality }) => `${score} of ${quality} answers`)].map(([name, group]) => [
      name,
      meanScore(group),
    ]),
  );
}

/**
 * Refuses a judge that cannot tell known good answers from known bad ones.
 *
 * @throws {JudgePreflightError}
 */
export function requireOrdering(judge: string, asked: readonly ProbeScore[], report: Facts): void {
  for (const [score, group] of Map.groupBy(asked, (probe) => probe.score)) {
    const [good, bad] = (['good', 'bad'] as const).map((quality) =>
      meanScore(group.filter((probe) => probe.quality === quality)),
    );
    if (good == null || bad == null) {
      const silent = group.find(({ scored }) => scored.score === null)!;
      const message = `gives no score '${score}' to ${good == null ? 'a good' : 'a bad'} answer (${silent.scored.reason}); it said ${quoted(silent.scored)}. Take another judge model, or look whether its answers begin with something other than a number, such as thinking aloud`;
      throw new JudgePreflightError(judge, 'no-numbers', report, message);
    }
    if (good - bad < leastDifference) {
      const message = `cannot tell good answers from bad ones: '${score}' is ${good.toFixed(1)} for known good answers and ${bad.toFixed(1)} for known bad ones, and should be at least ${leastDifference} higher. Take a more capable judge model, and look whether its judge prompt asks for a high number where an answer is good`;
      throw new JudgePreflightError(judge, 'ordering', report, message);
    }
  }
}

function quoted({ said }: ScoredNumber): string {
  return JSON.stringify(said.text.slice(0, 60));
}

function meanScore(group: readonly ProbeScore[]): number | null {
  const scores = group.map(({ scored }) => scored.score).filter((score) => score !== null);
  return scores.length === 0 ? null : scores.reduce((sum, score) => sum + score, 0) / scores.length;
}
