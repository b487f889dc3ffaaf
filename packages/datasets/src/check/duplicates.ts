import { createHash } from 'node:crypto';
import type { ChatExample } from '../example/example.ts';
import type { CheckedExample, DataCheck } from './data-check.ts';
import { SeenHashes } from './seen-hashes.ts';
import { SimilarTexts } from './similar-texts.ts';

/** Options of {@link duplicatesCheck}. */
export interface DuplicatesOptions {
  /** Least Jaccard similarity, estimated, of what counts as nearly the same. Default 0.8. */
  readonly threshold?: number;
  /** Different examples that others are compared with, 320 bytes each. Default 500,000. */
  readonly limit?: number;
}

/**
 * Examples that repeat an earlier one: `exact` in every message and key, or `near` in what is said but for the system prompt, by
 * the shingles of three words that both have. Each is compared with the first of its kind only.
 */
export function duplicatesCheck({ threshold = 0.8, limit = 500_000 }: DuplicatesOptions = {}): DataCheck {
  const exact = new SeenHashes();
  const similar = new SimilarTexts({ threshold, limit });
  return {
    name: 'duplicates',
    about: `repeats an earlier example: exact, or near (at least ${threshold} of the shingles of three words shared, estimated)`,
    find(checked) {
      const { example, index } = checked;
      const digest = createHash('sha256').update(contentOf(example)).digest();
      const same = exact.findOrAdd(digest.readUInt32LE(0), digest.readUInt32LE(4), index);
      if (same !== undefined) return [{ kind: 'exact', detail: `example ${same + 1}` }];
      const near = similar.findOrAdd(saidIn(checked), index);
      if (near === undefined) return [];
      return [{ kind: 'near', detail: `example ${near.id + 1}, similarity ${near.similarity.toFixed(2)}` }];
    },
    note: () =>
      similar.count < limit ? undefined : `compared with the first ${limit} different examples only`,
  };
}

function contentOf({ messages, rejected, text, tools, documents, templateArguments }: ChatExample): string {
  return JSON.stringify([messages, text, tools, documents, templateArguments, rejected]);
}

function saidIn({ texts }: CheckedExample): string {
  return texts
    .filter(({ role }) => role !== 'system' && role !== 'developer')
    .map(({ text }) => text)
    .join('\n');
}
