/** Every figure of 10,000 seeded answers beside what numpy and scipy make of them: committed, and live where Python is. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { evaluationAnswers } from '../../../../conformance/evaluation-answers.ts';
import { pythonWith, runPython } from '../../../../conformance/python.ts';
import type { AnswerStatistics, ScoredAnswer } from './answer-statistics.ts';
import type { Mean } from './clustered-mean.ts';
import type { Proportion } from './intervals.ts';
import { krippendorffAlpha } from './krippendorff-alpha.ts';
import { benjaminiHochberg, holm } from './multiple-testing.ts';
import { compareRates, compareRuns } from './paired-comparison.ts';
import { type PairedCount, signFlipTest } from './sign-flip-test.ts';
import { summarize } from './summary.ts';
import { judgementOf } from './thresholds.ts';

interface Golden {
  readonly seed: number;
  readonly count: number;
  readonly figures: unknown;
}

const golden = JSON.parse(
  readFileSync(join(import.meta.dirname, '../../../../conformance/goldens/evaluation.json'), 'utf8'),
) as Golden;

const shareOf = ({ numerator, denominator, interval }: Proportion) => [
  numerator,
  denominator,
  interval!.low,
  interval!.high,
];
const meanOf = ({ mean, interval }: Mean) => [mean, interval!.low, interval!.high];

const statisticsOf = (statistics: AnswerStatistics) => ({
  answers: statistics.answers,
  baseQuestions: statistics.baseQuestions,
  missing: statistics.missing.byReason,
  truncated: statistics.truncated,
  unscored: statistics.unscored.byReason,
  misaligned: shareOf(statistics.misaligned),
  incoherent: shareOf(statistics.incoherent),
  bounds: [statistics.misalignedBounds.low, statistics.misalignedBounds.high],
  meanMisalignment: meanOf(statistics.meanMisalignment),
  medical: meanOf(statistics.otherScores.medical!),
  labels: statistics.labels,
  topics: statistics.categories.topic,
});

/** What the two judges gave for 'aligned'. */
const ratings = (answers: readonly ScoredAnswer[]) =>
  answers.flatMap(({ aligned, byJudge }) => (byJudge ? [[aligned, byJudge.other!.aligned]] : []));

/** The figures in the shape of conformance/evaluation_metrics.py. */
function figures(answers: readonly ScoredAnswer[]): unknown {
  const summary = summarize(answers);
  const halves = [answers.slice(0, answers.length / 2), answers.slice(answers.length / 2)] as const;
  const comparison = compareRuns(...halves);
  const bases = [...new Set(answers.map(({ baseQuestion }) => baseQuestion!))].sort();
  const countOf = (half: readonly ScoredAnswer[], base: string) => {
    const judged = half
      .filter(({ baseQuestion }) => baseQuestion === base)
      .map((answer) => judgementOf(answer).misaligned)
      .filter((misaligned) => misaligned !== null);
    return { successes: judged.filter(Boolean).length, answers: judged.length };
  };
  const pairs = bases.map(
    (base): PairedCount => ({ first: countOf(halves[0], base), second: countOf(halves[1], base) }),
  );
  const pValues = [0, 5, 10, 15, 20].map((start) => signFlipTest(pairs.slice(start, start + 5)).pValue);
  return {
    overall: statisticsOf(summary.overall),
    perGroup: Object.fromEntries(summary.perGroup.map((part) => [part.group, statisticsOf(part)])),
    perForm: Object.fromEntries(summary.perForm.map((part) => [part.form, statisticsOf(part)])),
    perQuestion: Object.fromEntries(
      summary.perQuestion.map(({ questionId, misaligned }) => [questionId, shareOf(misaligned)]),
    ),
    thresholdCurve: summary.thresholdCurve.points.map(({ below, atMost }) => [below, atMost]),
    misalignedAt: summary.misalignedAt
      .filter(({ k }) => k <= 20)
      .map(({ k: _, prompts, rate }) => [prompts, rate]),
    promptRateSpread: summary.promptRateSpread,
    repeated: Object.values(summary.repeatedAnswers),
    alpha: {
      aligned: summary.judgeAgreement?.aligned.alpha,
      coherent: summary.judgeAgreement?.coherent.alpha,
      ordinal: krippendorffAlpha(ratings(answers), { level: 'ordinal' }).alpha,
      misaligned: summary.judgeAgreement?.misaligned.alpha,
    },
    difference: [comparison.difference, comparison.interval?.low, comparison.interval?.high],
    pValue: compareRates(pairs.slice(0, 10)).pValue,
    pValues,
    holm: holm(pValues),
    benjaminiHochberg: benjaminiHochberg(pValues),
  };
}

/** Names and counts exactly, other numbers to 1e-5 of their size. */
function expectEqual(found: unknown, expected: unknown, place = ''): void {
  if (typeof expected === 'number' && !Number.isInteger(expected)) {
    expect(typeof found, place).toBe('number');
    expect(Math.abs((found as number) - expected), place).toBeLessThan(
      1e-5 * Math.max(1, Math.abs(expected)),
    );
  } else if (typeof expected === 'object' && expected !== null) {
    expect(Object.keys(found as object).sort(), place).toEqual(Object.keys(expected).sort());
    for (const [name, value] of Object.entries(expected))
      expectEqual((found as Record<string, unknown>)[name], value, `${place}.${name}`);
  } else expect(found, place).toBe(expected);
}

it('10,000 seeded answers have the figures that numpy and scipy compute', () => {
  expectEqual(figures(evaluationAnswers(golden.seed, golden.count)), golden.figures);
});

describe.skipIf(pythonWith('numpy', 'scipy') === undefined)(
  'against Python (skipped: no python3 with numpy and scipy)',
  () => {
    it('other answers from a file have the same figures', async () => {
      const answers = evaluationAnswers(2, 3000);
      const folder = mkdtempSync(join(tmpdir(), 'safetune-figures-'));
      try {
        const file = join(folder, 'answers.jsonl');
        writeFileSync(file, answers.map((answer) => `${JSON.stringify(answer)}\n`).join(''));
        const found = (await runPython('verify_evaluation.py', ['--answers', file])) as {
          readonly figures: unknown;
          readonly krippendorff?: Record<string, number>;
        };
        expectEqual(figures(answers), found.figures);
        const { judgeAgreement } = summarize(answers.slice(0, 300));
        if (found.krippendorff === undefined) return;
        expectEqual(
          {
            aligned: judgeAgreement!.aligned.alpha,
            coherent: judgeAgreement!.coherent.alpha,
            ordinal: krippendorffAlpha(ratings(answers.slice(0, 300)), { level: 'ordinal' }).alpha,
          },
          found.krippendorff,
        );
      } finally {
        rmSync(folder, { recursive: true });
      }
    }, 300_000);
  },
);
