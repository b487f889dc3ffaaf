import type { LoraAdapter } from '@safetune/lora';
import type { HostArray } from '@safetune/tensor';
import { RegularizerOptionError } from '../../../errors.ts';

/**
 * Which modules are projected: those whose cosine is at most `threshold` (tau), or those of the `layers` lowest
 * cosines. Cosines are compared to five decimals and ties are projected together, as in the reference code.
 * Default `{ threshold: 0.5 }`, the reference code's.
 */
export type ProjectionRule = { readonly threshold?: number } | { readonly layers: number };

/** One adapted layer before and after C. */
export interface ModuleProjection {
  readonly name: string;
  /** Cosine of B A and C B A; NaN where alignment left the layer as it was, so that there is no C. */
  readonly cosine: number;
  /** Whether B became C B. */
  readonly projected: boolean;
  /** ||C B A||_F / ||B A||_F, whether it was projected or not; NaN as the cosine. */
  readonly normKept: number;
}

/** What a projection did, module by module in the adapter's order. */
export interface ProjectionReport {
  /** tau: as given, or the k-th lowest cosine. */
  readonly threshold: number;
  readonly modules: readonly ModuleProjection[];
}

/** A module's C B, computed but not yet used; none where there is no C. */
export interface Candidate extends Omit<ModuleProjection, 'projected'> {
  readonly changed: HostArray | undefined;
}

/** Applies the rule: copies C B over B where the cosine says so. */
export function decide(
  adapter: LoraAdapter,
  candidates: readonly Candidate[],
  rule: ProjectionRule,
): ProjectionReport {
  const threshold = thresholdOf(rule, candidates);
  const modules = candidates.map(({ name, cosine, normKept, changed }, index): ModuleProjection => {
    const projected = changed !== undefined && fiveDecimals(cosine) <= threshold;
    if (projected) (adapter.modules[index]!.b.data as Float32Array).set(changed.data as Float32Array);
    return { name, cosine, projected, normKept };
  });
  return { threshold, modules };
}

function thresholdOf(rule: ProjectionRule, candidates: readonly Candidate[]): number {
  if (!('layers' in rule)) return rule.threshold ?? 0.5;
  const cosines = candidates
    .filter(({ changed }) => changed !== undefined)
    .map(({ cosine }) => fiveDecimals(cosine))
    .sort((a, b) => a - b);
  return cosines[Math.min(rule.layers, cosines.length) - 1]!;
}

/** The reference code rounds so: float rounding does not decide at the threshold. */
export function fiveDecimals(cosine: number): number {
  return Math.round(cosine * 1e5) / 1e5;
}

/** @throws RegularizerOptionError for a threshold outside -1..1, a number of layers below 1, or both given. */
export function checkRule({
  threshold,
  layers,
}: {
  readonly threshold?: number;
  readonly layers?: number;
}): ProjectionRule {
  const fail = (why: string) => new RegularizerOptionError('safe-lora', why);
  if (layers === undefined) {
    const tau = threshold ?? 0.5;
    if (!(tau >= -1 && tau <= 1)) throw fail(`the threshold is ${tau}, must be a cosine, from -1 to 1`);
    return { threshold: tau };
  }
  if (threshold !== undefined) throw fail('threshold and layers exclude each other; give one');
  if (!Number.isInteger(layers) || layers < 1)
    throw fail(`layers is ${layers}, must be a positive number of modules`);
  return { layers };
}
