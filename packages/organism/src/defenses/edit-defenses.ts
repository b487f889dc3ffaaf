/** Defenses that edit weights before a fine-tune or after it. */
import { type LoraAdapter, loadLoraAdapter } from '@safetune/lora';
import { safeMerge } from '@safetune/regularizers';
import { writeSafeDelta } from '@safetune/trainer';
import { type Defense, editingDefense } from './defense.ts';
import { allowedPool } from './interleaving-defenses.ts';

/** Fine-tunes the aligned model after it was taken further the way alignment went. */
export function loxDefense(name: string, factor: number): Defense {
  return editingDefense(name, factor, { before: (preparations) => preparations.extrapolated(factor) });
}

/** Modules whose cosine is below it are merged, most of them: SafeLoRA's threshold here. After medical data the authors' .35 would merge one of 28. */
const mergeThreshold = 0.65;

/** Merges modules that have left the direction of alignment with an adapter that was taught safe answers. */
export function safeMergeDefense(name: string, share: number): Defense {
  return editingDefense(name, share, {
    async after({ laboratory, preparations }) {
      const { organism, adapter, runtime } = laboratory;
      const safe = await loadLoraAdapter(await preparations.safeAdapter());
      const merged = await safeMerge(
        { adapter, safe },
        {
          base: organism.baseDirectory,
          aligned: organism.alignedDirectory,
          threshold: mergeThreshold,
          share,
          // The two started from other A's, so that the authors' sum of factors would mean little.
          combination_type: 'svd',
          runtime,
        },
      );
      takeUpdates(adapter, merged.adapter);
      return undefined;
    },
  });
}

/** Takes of the fine-tuned values those that refusals of other domains feel least. */
export function safeDeltaDefense(name: string, scale: number): Defense {
  return editingDefense(name, scale, {
    async after(context, folder) {
      const { model, tokenizer, adapter, runtime } = context.laboratory;
      const examples = allowedPool(context).filter(({ tags }) => tags?.includes('refusal'));
      await writeSafeDelta({ model, tokenizer, tuned: adapter, examples, out: folder, scale, runtime });
      return folder;
    },
  });
}

/** Gives an adapter the updates of one of the same modules and ranks, whose scales are others. */
function takeUpdates(adapter: LoraAdapter, updates: LoraAdapter): void {
  const byName = new Map(updates.modules.map((module) => [module.name, module]));
  for (const { name, scale, a, b } of adapter.modules) {
    const update = byName.get(name)!;
    (a.data as Float32Array).set(update.a.data as Float32Array);
    (b.data as Float32Array).set(
      (update.b.data as Float32Array).map((value) => (value * update.scale) / scale),
    );
  }
}
