import { type LoraAdapter, loadLoraAdapter, saveLoraAdapter } from '@safetune/lora';
import { contiguousData, type HostArray, hostArray, type RuntimeOptions } from '@safetune/tensor';
import { RegularizerOptionError, SafetyDirectionError } from './errors.ts';
import {
  type CheckpointPair,
  openSafetyDirections,
  type SafetyDirection,
  subtract,
} from './safe-lora-direction.ts';
import { compareUpdates, type DenseMatrix } from './safe-lora-low-rank.ts';
import { compileMatrixProducts, type MatrixProducts } from './safe-lora-products.ts';
import {
  checkMethod,
  type ProjectionMethod,
  type Projector,
  project,
  projectorOnto,
} from './safe-lora-projector.ts';

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

/** Options of {@link projectAdapter}. */
export type ProjectAdapterOptions = CheckpointPair &
  ProjectionMethod &
  ProjectionRule & { readonly runtime?: RuntimeOptions };

/** One module for {@link projectModule}: plain row-major arrays. */
export interface ModuleArrays {
  /** A, float32 [rank, in] */
  readonly a: HostArray;
  /** B, float32 [out, rank] */
  readonly b: HostArray;
  /** W of the pre-trained model, float32 [out, in] */
  readonly base: HostArray;
  /** W of the aligned model, float32 [out, in] */
  readonly aligned: HostArray;
}

/**
 * SafeLoRA on one layer: C B, and how the update C B A compares with B A. Changes none of its inputs; whether to
 * replace B is the caller's to decide by the cosine.
 *
 * @throws SafetyDirectionError when base and aligned are equal, hold NaN, or do not fit the factors.
 */
export async function projectModule(
  { a, b, base, aligned }: ModuleArrays,
  method: ProjectionMethod = {},
  runtime?: RuntimeOptions,
): Promise<{ readonly projected: HostArray; readonly cosine: number; readonly normKept: number }> {
  const shapes = [base, aligned].map(({ shape }) => shape.join(', '));
  const wanted = [b.shape[0], a.shape[1]].join(', ');
  if (shapes.some((shape) => shape !== wanted) || a.shape[0] !== b.shape[1]) {
    const message = `base is [${shapes[0]}], aligned [${shapes[1]}], A [${a.shape.join(', ')}], B [${b.shape.join(', ')}]`;
    throw new SafetyDirectionError('shape', 'the module', 'arrays', `${message}: they do not fit together`);
  }
  const copy = hostArray(contiguousData(aligned).slice() as Float32Array, aligned.shape);
  const direction = subtract(copy, base);
  if (!(direction.norm > 0 && Number.isFinite(direction.norm))) {
    const problem = direction.norm === 0 ? 'identical' : 'not-finite';
    throw new SafetyDirectionError(
      problem,
      'the module',
      'arrays',
      `||aligned - base|| is ${direction.norm}`,
    );
  }
  const products = await compileMatrixProducts(runtime);
  try {
    const projector = await projectorOnto(direction, checkMethod(method), products);
    const projected = await project(projector, b, products);
    return { projected, ...compareUpdates(dense(b), dense(projected), dense(a)) };
  } finally {
    await products.release();
  }
}

/**
 * SafeLoRA (Hsu et al. 2024, arXiv 2405.16833) on an adapter in memory: where the update dW = B A and C dW point in
 * too different directions, B becomes C B in place. Base and aligned weights are matched with the adapter's modules
 * by name and read one matrix at a time. The adapter changes only after every module has been computed.
 *
 * @throws SafetyDirectionError naming module and file when the checkpoints do not fit the adapter, or are identical;
 * RegularizerOptionError for a threshold, number of layers, rank or energy out of range.
 *
 * @example
 * const adapter = await loadLoraAdapter('adapter');
 * const { modules } = await projectAdapter(adapter, { base: 'Qwen2.5-0.5B', aligned: 'Qwen2.5-0.5B-Instruct', threshold: 0.5 });
 * await saveLoraAdapter('adapter-projected', adapter);
 */
export async function projectAdapter(
  adapter: LoraAdapter,
  options: ProjectAdapterOptions,
): Promise<ProjectionReport> {
  const rule = checkRule(options);
  const candidates = await projectAll(adapter, options);
  return decide(adapter, candidates, rule);
}

/**
 * The cosines and norms that {@link projectAdapter} would report, without changing the adapter: how an adapter lies
 * to the safety direction.
 *
 * @throws as {@link projectAdapter}
 */
export async function safetyAlignment(
  adapter: LoraAdapter,
  options: CheckpointPair & ProjectionMethod & { readonly runtime?: RuntimeOptions },
): Promise<readonly Omit<ModuleProjection, 'projected'>[]> {
  const candidates = await projectAll(adapter, options);
  return candidates.map(({ name, cosine, normKept }) => ({ name, cosine, normKept }));
}

/**
 * {@link projectAdapter} from folder to folder, for an adapter trained anywhere: reads PEFT's files in `adapter` and
 * writes the projected adapter to `out`.
 *
 * @throws as {@link projectAdapter}; AdapterFileError and FileWriteError for the two folders.
 */
export async function projectAdapterFiles(
  options: ProjectAdapterOptions & { readonly adapter: string; readonly out: string },
): Promise<ProjectionReport> {
  const adapter = await loadLoraAdapter(options.adapter);
  const report = await projectAdapter(adapter, options);
  await saveLoraAdapter(options.out, adapter);
  return report;
}

/** A module's C B, computed but not yet used; none where there is no C. */
export interface Candidate extends Omit<ModuleProjection, 'projected'> {
  readonly changed: HostArray | undefined;
}

/** Projectors computed before, by module: those of `exact` are small and dear, so they are kept. */
export type ProjectorMemory = Map<string, Projector>;

/** C B of every module. */
export async function projectAll(
  adapter: LoraAdapter,
  {
    base,
    aligned,
    runtime,
    ...rest
  }: CheckpointPair & ProjectionMethod & { readonly runtime?: RuntimeOptions },
  memory: ProjectorMemory = new Map(),
): Promise<readonly Candidate[]> {
  const method = checkMethod(rest);
  const directions = await openSafetyDirections({ base, aligned }, adapter.modules);
  const products = await compileMatrixProducts(runtime);
  const candidates: Candidate[] = [];
  try {
    for (const module of adapter.modules) {
      const projector =
        memory.get(module.name) ?? (await projectorOf(await directions.read(module), method, products));
      if (method.method === 'exact' && projector !== undefined) memory.set(module.name, projector);
      candidates.push(await candidate(module, projector, products));
    }
  } finally {
    await products.release();
  }
  if (candidates.every(({ changed }) => changed === undefined)) {
    const message = `it equals ${base} in this and every other adapted layer; give the checkpoint from before alignment as base`;
    throw new SafetyDirectionError('identical', adapter.modules[0]!.name, aligned, message);
  }
  return candidates;
}

async function projectorOf(direction: SafetyDirection, method: ProjectionMethod, products: MatrixProducts) {
  return direction.norm === 0 ? undefined : projectorOnto(direction, method, products);
}

async function candidate(
  { name, a, b }: LoraAdapter['modules'][number],
  projector: Projector | undefined,
  products: MatrixProducts,
): Promise<Candidate> {
  if (projector === undefined) return { name, cosine: Number.NaN, normKept: Number.NaN, changed: undefined };
  const changed = await project(projector, b, products);
  return { name, ...compareUpdates(dense(b), dense(changed), dense(a)), changed };
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
function fiveDecimals(cosine: number): number {
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

function dense(array: HostArray): DenseMatrix {
  const [rows, columns] = array.shape as [number, number];
  return { data: contiguousData(array) as Float32Array, rows, columns };
}
