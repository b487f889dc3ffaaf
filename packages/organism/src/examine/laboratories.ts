import type { RuntimeOptions } from '@safetune/tensor';
import type { Organism } from '../grow/grow.ts';
import { type Laboratory, openLaboratory } from './laboratory.ts';

/** Laboratories of one organism: of its aligned model, and of edited ones that are fine-tuned in its place. */
export interface Laboratories {
  readonly aligned: Laboratory;
  /**
   * The laboratory of a checkpoint in the aligned one's place; without a folder that of the aligned one. The last edited one stays open until
   * another is asked for.
   */
  of(directory: string | undefined): Promise<Laboratory>;
  /** Frees the compiled graphs of all. */
  close(): Promise<void>;
}

/** Opens the laboratory of the aligned model, and others as they are asked for. */
export async function openLaboratories(organism: Organism, runtime?: RuntimeOptions): Promise<Laboratories> {
  const aligned = await openLaboratory(organism, runtime);
  let edited: Laboratory | undefined;
  return {
    aligned,
    async of(directory) {
      if (directory === undefined || directory === organism.alignedDirectory) return aligned;
      if (edited?.organism.alignedDirectory === directory) return edited;
      await edited?.close();
      edited = undefined;
      edited = await openLaboratory({ ...organism, alignedDirectory: directory }, runtime);
      return edited;
    },
    async close() {
      await edited?.close();
      await aligned.close();
    },
  };
}
