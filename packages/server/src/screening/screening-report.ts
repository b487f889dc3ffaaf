import type { ChatExample } from '@safetune/datasets';
import type { Policy } from '../policy/policy-schema.ts';
import type { Action, Reading } from './probe.ts';
import type { ScreeningVerdict } from './screening-verdict.ts';

/** What all probes said of one example. */
export interface ScreenedRow {
  readonly action: Action;
  /** By name of the probe; only those that looked at it. */
  readonly readings: ReadonlyMap<string, Reading>;
}

/**
 * The report's lines: first what holds for the file, then one for each example in its order, with scores by probe and every finding.
 * Texts of the file are not in it.
 */
export function screeningReport(
  verdict: Omit<ScreeningVerdict, 'report'>,
  { screening, sha256 }: Pick<Policy, 'screening' | 'sha256'>,
  notLooked: readonly string[],
  rows: readonly (ScreenedRow & { readonly example: ChatExample })[],
): string[] {
  const { perplexity_gap: perplexityGap, persona, ...actions } = screening;
  const { vectors: _path, ...personaBounds } = persona ?? { vectors: '' };
  const summary = {
    format: 'safetune-screening',
    version: 1,
    ...verdict,
    policy_sha256: sha256,
    policy: {
      ...actions,
      ...(perplexityGap && { perplexity_gap: perplexityGap }),
      ...(persona && { persona: personaBounds }),
    },
    // Probes that were spared, as the file was refused before.
    not_looked: notLooked,
  };
  const lines = rows.map(({ example, action, readings }, index) => ({
    example: index + 1,
    ...(example.origin && { [example.origin.unit ?? 'line']: example.origin.line }),
    action,
    scores: Object.fromEntries(
      [...readings].flatMap(([name, { score }]) => (score === undefined ? [] : [[name, score]])),
    ),
    findings: [...readings].flatMap(([probe, { findings }]) =>
      findings.map((finding) => ({ probe, ...finding })),
    ),
  }));
  return [summary, ...lines].map((line) => `${JSON.stringify(line)}\n`);
}
