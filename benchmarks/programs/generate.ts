/** Greedy generation: a step continues one batch of prompts, other ones at each step, by the same number of tokens. */
import { join } from 'node:path';
import { createGenerator, loadModel } from '@safetune/models';
import { type Repetitions, settings, timeSteps, unavailable } from './lines.ts';

interface GenerateSettings extends Repetitions {
  /** Checkpoint folder. */
  readonly directory: string;
  readonly cacheDirectory: string;
  readonly batch: number;
  readonly promptTokens: number;
  readonly newTokens: number;
  readonly threads: number;
  readonly precision: string;
}

const given = settings<GenerateSettings>();
if (given.precision !== 'float32' && given.precision !== 'int8') unavailable(`not in ${given.precision}`);
const model = await loadModel(given.directory, {
  precision: given.precision,
  purpose: 'generation',
  cacheDirectory: join(given.cacheDirectory, 'converted'),
});
const generator = await createGenerator(model, { threads: given.threads });
let made = 0;

await timeSteps(given, async () => {
  const prompts = Array.from({ length: given.batch }, () => prompt(made++));
  const found = await generator.generate(prompts, {
    maxNewTokens: given.newTokens,
    batchSize: given.batch,
    stopTokenIds: [],
  });
  if (found.some((tokens) => tokens.length !== given.newTokens)) throw new Error('a text ended early');
  return undefined;
});
await generator.release();

/** The same tokens as in the peers' programs. */
function prompt(index: number): number[] {
  return Array.from(
    { length: given.promptTokens },
    (_, at) => (index * 104_729 + at * 7919 + 17) % model.config.vocabularySize,
  );
}
