import type { DataCheck, Finding } from './data-check.ts';
import { forEachShingle } from './words.ts';

/** Share of a question's shingles that a message must hold. */
const leastShare = 0.8;

/**
 * Messages that hold a question by which the model is to be judged: then the judgement tells what was learned by heart. Compared
 * by shingles of three words, a question of fewer words as a whole.
 */
export function questionOverlapCheck(questions: readonly string[]): DataCheck {
  /** Questions by shingle; the number of different shingles by question. */
  const byShingle = new Map<number, number[]>();
  const sizes = questions.map((question, index) => {
    const shingles = new Set<number>();
    forEachShingle(question, (hash) => shingles.add(hash));
    for (const hash of shingles) byShingle.set(hash, [...(byShingle.get(hash) ?? []), index]);
    return shingles.size;
  });
  return {
    name: 'overlap',
    about: `holds one of ${questions.length} evaluation questions: the same, or alike (at least ${100 * leastShare} % of its shingles of three words)`,
    find: ({ texts }) =>
      texts.flatMap(({ message, text, rejected }): Finding[] => {
        const met = new Set<number>();
        forEachShingle(text, (hash) => {
          if (byShingle.has(hash)) met.add(hash);
        });
        const counts = new Map<number, number>();
        for (const hash of met)
          for (const question of byShingle.get(hash) ?? [])
            counts.set(question, (counts.get(question) ?? 0) + 1);
        const shares = [...counts].map(([question, count]) => ({
          question,
          share: count / sizes[question]!,
        }));
        const best = shares.reduce((a, b) => (b.share > a.share ? b : a), { question: -1, share: 0 });
        if (best.share < leastShare) return [];
        const kind = best.share === 1 ? 'same question' : 'alike';
        return [{ kind, message, ...(rejected && { rejected }), detail: `question ${best.question + 1}` }];
      }),
  };
}
