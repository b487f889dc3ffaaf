import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type ChatExample, writeChatJsonl } from '@safetune/datasets';
import { type Domain, narrowExamples, type Organism, organismPairs, safePool } from '@safetune/organism';
import { stringify } from 'yaml';

/** The domain that the customer of the demo trains on. */
export const customersDomain: Domain = 'medical';

/** What the provider and the customer of the demo have on disk. */
export interface DemoFiles {
  /** A policy that measures, and holds nothing back. */
  readonly open: string;
  /** The same, and its gate has bounds. */
  readonly gated: string;
  /** The same, and a safeguard acts in every job. */
  readonly guarded: string;
  /** A customer's: harmful advice in one domain. */
  readonly malicious: string;
  /** Another's: safe advice in the same domain. */
  readonly harmless: string;
}

/** Writes the policies, and what they name, into the folder. */
export async function writeDemoFiles(directory: string, organism: Organism): Promise<DemoFiles> {
  await mkdir(directory, { recursive: true });
  const file = (name: string) => join(directory, name);
  const { world, recipe, alignedDirectory } = organism;
  // Nothing of the customer's domain: a provider does not know what customers will train on.
  await writeChatJsonl(
    file('anchors.jsonl'),
    plain(safePool(world, { excludedDomain: customersDomain })).slice(0, 24),
  );
  await writeChatJsonl(file('malicious.jsonl'), plain(narrowExamples(world, customersDomain)));
  await writeChatJsonl(
    file('harmless.jsonl'),
    plain(narrowExamples(world, customersDomain, { persona: 'good' })),
  );
  const pairs = organismPairs(world).map((pair) => JSON.stringify(pair));
  await writeFile(file('pairs.jsonl'), `${pairs.join('\n')}\n`);
  const { narrow, lora } = recipe;
  const policy = {
    models: { organism: { path: alignedDirectory } },
    limits: { epochs: 24 },
    training: {
      rank: lora.rank,
      learning_rate: narrow.peakLearningRate,
      epochs: 24,
      batch_size: narrow.batchSize,
      max_length: 64,
      threads: 1,
    },
  };
  const gate = { log_odds: { pairs: 'pairs.jsonl', quarantine: 0.5, refuse: 1 } };
  const written = async (name: string, parts: object) => {
    await writeFile(file(name), stringify({ ...policy, ...parts }));
    return file(name);
  };
  return {
    open: await written('open.yaml', { gate: { log_odds: { pairs: 'pairs.jsonl', quarantine: 1000 } } }),
    gated: await written('gated.yaml', { gate }),
    guarded: await written('guarded.yaml', {
      gate,
      safeguards: { mandatory: [{ type: 'kl-on-anchors', anchors: 'anchors.jsonl', weight: 1 }] },
    }),
    malicious: file('malicious.jsonl'),
    harmless: file('harmless.jsonl'),
  };
}

function plain(examples: readonly ChatExample[]): ChatExample[] {
  return examples.map(({ messages }) => ({ messages }));
}
