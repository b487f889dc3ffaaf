import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { saveLoraAdapter } from '@safetune/lora';
import { inferencePromptOf, type StepEvent, saveInferencePrompt } from '@safetune/trainer';
import type { Defense, DefenseContext } from '../defenses/defense.ts';
import type { Preparations } from '../defenses/preparations.ts';
import type { Laboratories } from '../examine/laboratories.ts';
import { openRespondent, type Respondent, underPrompt } from '../examine/respondent.ts';
import { type FineTuneTask, taskExamples } from '../tasks/fine-tune-task.ts';

/** One fine-tune under a defense. */
export interface DefendedRun {
  readonly task: FineTuneTask;
  readonly seed: number;
  /** Gets the adapter, and the prompt that belongs to it; default: nothing is written. */
  readonly adapterFolder?: string | undefined;
  readonly onStep?: (event: StepEvent) => void;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Fine-tunes as a defense wants it, from the model that it starts from, edits what came out, and asks it, under the prompt that belongs to it.
 * Where the edit writes a checkpoint, the adapter that is kept is the one from before.
 *
 * @param ask - asks what came out, which lasts no longer.
 * @returns what `ask` found out, and the cross-entropy of each step, in nats a token; none for the aligned model itself.
 */
export async function runDefended<Found>(
  { laboratories, preparations }: { laboratories: Laboratories; preparations: Preparations },
  defense: Defense,
  { task, seed, adapterFolder, onStep, signal }: DefendedRun,
  ask: (respondent: Respondent) => Promise<Found>,
): Promise<{ readonly found: Found; readonly crossEntropy: readonly number[] }> {
  if (defense.untrained === true) {
    laboratories.aligned.reset(seed);
    return { found: await ask(laboratories.aligned), crossEntropy: [] };
  }
  const laboratory = await laboratories.of(await defense.edit?.before?.(preparations));
  const { organism, runtime } = laboratory;
  const exampleCount = taskExamples(organism.world, organism.recipe, task, seed).length;
  const context: DefenseContext = { laboratory, task, seed, preparations, exampleCount };
  const regularizers = await defense.regularizers(context);
  const prompt = inferencePromptOf(regularizers);
  const crossEntropy = await laboratory.fineTune({
    task,
    seed,
    regularizers,
    ...(onStep === undefined ? {} : { onStep }),
    ...(signal === undefined ? {} : { signal }),
  });
  const scratch = await mkdtemp(join(tmpdir(), 'safetune-edited-'));
  try {
    const written = await defense.edit?.after?.(context, join(scratch, 'model'));
    if (adapterFolder !== undefined) {
      await saveLoraAdapter(adapterFolder, laboratory.adapter);
      await saveInferencePrompt(adapterFolder, prompt);
    }
    const edited = written === undefined ? undefined : await openRespondent(organism, written, runtime);
    try {
      return { found: await ask(underPrompt(edited ?? laboratory, prompt?.systemPrompt)), crossEntropy };
    } finally {
      await edited?.close();
    }
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}
