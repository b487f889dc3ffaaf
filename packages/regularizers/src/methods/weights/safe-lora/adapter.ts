import { type LoraAdapter, loadLoraAdapter, saveLoraAdapter } from '@safetune/lora';
import type { RuntimeOptions } from '@safetune/tensor';
import { RegularizerOptionError, SafetyDirectionError } from '../../../errors.ts';
import { checkOptions } from '../../../interface/options.ts';
import { type CheckpointPair, openSafetyDirections, type SafetyDirection } from './direction.ts';
import { compareUpdates, dense } from './low-rank.ts';
import { compileMatrixProducts, type MatrixProducts } from './products.ts';
import { methodOf, type ProjectionMethod, type Projector, project, projectorOnto } from './projector.ts';
import {
  type Candidate,
  checkRule,
  decide,
  type ModuleProjection,
  type ProjectionReport,
  type ProjectionRule,
} from './rule.ts';

/** Options of {@link projectAdapter}. */
export type ProjectAdapterOptions = CheckpointPair &
  ProjectionMethod &
  ProjectionRule & { readonly runtime?: RuntimeOptions };

/** Names of the options of {@link projectAdapter}. */
export const projectionOptions: readonly string[] = [
  'base',
  'aligned',
  'method',
  'rank',
  'energy',
  'threshold',
  'layers',
  'runtime',
];

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
  checkOptions('safe-lora', options, projectionOptions);
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
  const { adapter: from, out, ...projection } = options;
  const adapter = await loadLoraAdapter(from);
  const report = await projectAdapter(adapter, projection as ProjectAdapterOptions);
  await saveLoraAdapter(out, adapter);
  return report;
}

/**
 * Such methods are about updates of linear layers: what else an adapter changes would pass by it.
 *
 * @throws RegularizerOptionError
 */
export function requireUpdatesOnly(
  { config, modules, embeddings, replaced, tokens }: LoraAdapter,
  owner = 'safe-lora',
): void {
  const others = {
    use_dora: config.use_dora,
    'embeddings among target_modules': embeddings.length > 0,
    'modules_to_save or bias': replaced.length > 0,
    trainable_token_indices: tokens.length > 0,
    [`init_lora_weights ${config.init_lora_weights}`]: modules.some(({ origin }) => origin !== undefined),
  };
  const found = Object.entries(others).find(([, there]) => there);
  if (found === undefined) return;
  throw new RegularizerOptionError(
    owner,
    `acts on the updates of linear layers, and ${found[0]} of this adapter would pass by it: train without`,
  );
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
  const method = methodOf('safe-lora', rest);
  requireUpdatesOnly(adapter);
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
