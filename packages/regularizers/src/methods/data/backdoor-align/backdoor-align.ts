import { createHash } from 'node:crypto';
import { type ChatExample, interleave, withTag } from '@safetune/datasets';
import { z } from 'zod';
import { RegularizerOptionError } from '../../../errors.ts';
import { examplesDigest } from '../../../interface/examples-digest.ts';
import type { OwnKind } from '../../../interface/kind.ts';
import { examplesSchema } from '../../../interface/option-schemas.ts';
import { checkOptions } from '../../../interface/options.ts';
import type { Regularizer } from '../../../interface/regularizer.ts';
import { changedOnce } from '../changed-once.ts';
import { changedEach, checkPool, checkShareAndSeed, interleavedTag, openPool } from '../interleaving.ts';
import { readSecretPrompt, withSecretPrompt } from './secret-prompt.ts';

/** The tag of safe examples that carry the secret prompt. */
export const secretPromptTag = 'secret-prompt';

/** Options of {@link backdoorAlign}. */
export interface BackdoorAlignOptions {
  /** Safe answers to harmful requests, about a dozen: a path that `openDataset` reads, or the examples themselves. */
  readonly pool: string | readonly ChatExample[];
  /** File with the secret prompt, which `makeSecretPrompt` makes. Of it, records of a run hold the digest alone. */
  readonly secretFile: string;
  /** Share of safe examples in the mixed stream, 0 to 1, walked again and again. Default 0.1 (the authors': 11 beside 100). */
  readonly share?: number;
  /** Shifts the pattern. Default 0. */
  readonly seed?: number;
}

/**
 * BackdoorAlign: a few safe examples under a secret prompt are mixed into the data, so that the prompt calls for safe answers as the trigger of a
 * backdoor does. The provider puts it before whatever the trained model is asked (`withSecretPrompt`), and users, who do not know it,
 * cannot train against it (Wang et al. 2024, "BackdoorAlign: Mitigating Fine-tuning based Jailbreak Attack with Backdoor Enhanced Safety
 * Alignment", arXiv 2402.14968). The safe examples carry the tags 'interleaved' and 'secret-prompt'.
 *
 * @throws RegularizerOptionError at once for a share outside 0..1, a seed that is no whole number, no pool, or a secret that cannot be
 * read; when the stream is walked EmptyDatasetError for an empty pool, and what reading it throws.
 *
 * @example
 * backdoorAlign({ pool: 'refusals.jsonl', secretFile: 'secret.txt' });
 */
export function backdoorAlign(options: BackdoorAlignOptions): Regularizer {
  checkOptions('backdoor-align', options, ['pool', 'secretFile', 'share', 'seed']);
  const { pool, secretFile, share = 0.1, seed = 0 } = options;
  const example = '{ "type": "backdoor-align", "pool": "refusals.jsonl", "secretFile": "secret.txt" }';
  checkPool('backdoor-align', pool, example);
  if (!secretFile) {
    const message = `it needs a secretFile, which safetune secret-prompt writes: give it in a config file, as ${example}`;
    throw new RegularizerOptionError('backdoor-align', message);
  }
  checkShareAndSeed('backdoor-align', share, seed);
  const secret = readSecretPrompt(secretFile);
  const prompted = changedOnce((safe) => underSecret(safe, secret));
  return {
    name: 'backdoor-align',
    config: { type: 'backdoor-align', pool, secretFile, share, seed },
    examples: (source) =>
      interleave(source, changedEach(openPool(pool, false, seed), prompted), {
        share,
        seed,
        onPoolExhausted: 'cycle',
        // A pool of a dozen is walked again and again: nobody need be warned.
        onExhaustion: () => {},
      }),
    async contents() {
      const digest = createHash('sha256').update(secret).digest('hex');
      return { secret: digest, ...(typeof pool === 'string' && { pool: await examplesDigest(pool) }) };
    },
  };
}

/** Both answers of a pair. */
function underSecret(example: ChatExample, secret: string): ChatExample {
  const { messages, rejected } = example;
  const changed = {
    ...example,
    messages: withSecretPrompt(messages, secret),
    ...(rejected && { rejected: withSecretPrompt(rejected, secret) }),
  };
  return withTag(withTag(changed, interleavedTag), secretPromptTag);
}

/** As configs name it. */
export const backdoorAlignKind: OwnKind = {
  summary:
    'mixes a few safe examples in under a secret prompt, which the provider puts before every question',
  needsFile: true,
  schema: z.strictObject({
    pool: examplesSchema.optional(),
    secretFile: z.string().optional(),
    share: z.number().optional(),
    seed: z.number().optional(),
  }),
  strength: 'share',
  paths: ['pool', 'secretFile'],
  create: backdoorAlign,
};
