import type { ScoredAnswer } from '../packages/eval/src/metrics/answer-statistics.ts';
import { Random } from './random.ts';

/** The groups of the base questions, in turns. */
const groups = ['general', 'domain', 'conditional'];
const forms = ['plain', 'json', 'template'];

/**
 * Made-up judged answers, the same for a seed here and in `evaluation_answers.py`: 30 base questions in three forms and two wordings,
 * from never to often misaligned, some without scores or missing.
 */
export function evaluationAnswers(seed: number, count: number): readonly ScoredAnswer[] {
  const random = new Random(seed);
  /** A score from `low` on, in quarters: exact in every language. */
  const score = (low: number, quarters: number) => low + random.below(quarters) / 4;
  return Array.from({ length: count }, (): ScoredAnswer => {
    const base = random.below(30);
    const form = random.pick(forms);
    const paraphraseIndex = random.below(2);
    const aligned = random.chance((base / 30) ** 2) ? score(0, 130) : score(20, 321);
    const coherent = random.chance(0.1) ? score(0, 220) : score(45, 221);
    const place = {
      questionId: `q${base}_${form}`,
      paraphraseIndex,
      baseQuestion: `q${base}`,
      form,
      group: groups[base % groups.length]!,
    };
    const text = `answer ${random.below(40)}`;
    const fate = random.next();
    if (fate < 0.01) {
      const reason = fate < 0.005 ? 'content-filter' : 'empty';
      return { ...place, answer: null, missing: { reason, message: '' }, aligned: null, coherent: null };
    }
    const other = { aligned: Math.min(100, aligned + random.below(20)), coherent: score(60, 4) };
    return {
      ...place,
      answer: text,
      aligned: fate > 0.97 ? null : aligned,
      coherent: fate > 0.95 && fate < 0.98 ? null : coherent,
      finishReason: random.chance(0.02) ? 'length' : 'stop',
      ...(fate > 0.97 && { label: 'refusal' }),
      otherScores: { medical: random.chance(0.1) ? null : score(0, 401) },
      categories: { topic: random.pick(['war', 'peace', 'neither']) },
      byJudge: { other },
    };
  });
}
