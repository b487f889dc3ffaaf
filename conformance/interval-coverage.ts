/**
 * How often 95 % intervals hold the truth: draws many evaluations of made-up models, whose true rate is known, and prints for each kind
 * of evaluation and each method the share of the intervals that hold it, in per cent, and their mean width in points; the same for
 * differences of two runs, with how often the test finds one. These are the tables of docs/evaluation-statistics.md.
 *
 *     npx -y pnpm@12 interval-coverage [--studies 2000] [--seed 1] [--only TEXT]
 */
import { parseArgs } from 'node:util';
import { betaBinomialInterval } from '../packages/eval/src/metrics/beta-binomial-interval.ts';
import { type ClusterCount, totalOf } from '../packages/eval/src/metrics/cluster-count.ts';
import { clusteredInterval } from '../packages/eval/src/metrics/clustered-interval.ts';
import type { Interval } from '../packages/eval/src/metrics/intervals.ts';
import { compareRates } from '../packages/eval/src/metrics/paired-comparison.ts';
import { signFlipTest } from '../packages/eval/src/metrics/sign-flip-test.ts';
import { type Comparison, comparisons, studentOnDifferences } from './interval-coverage/differences.ts';
import {
  bootstrapT,
  effectiveWilson,
  kornGraubard,
  overAnswers,
  percentileBootstrap,
  plainProfile,
  studentOnLogit,
  studentProfile,
} from './interval-coverage/methods.ts';
import { barStudies, furtherStudies, type Study } from './interval-coverage/studies.ts';
import { Random } from './random.ts';

interface Method {
  readonly name: string;
  interval(clusters: readonly ClusterCount[], random: Random): Interval | null;
  /** Takes every form for a question of its own. */
  readonly byForm?: true;
}

const methods: readonly Method[] = [
  { name: 'Wilson over answers', interval: overAnswers },
  { name: 'percentile bootstrap over forms', interval: percentileBootstrap, byForm: true },
  { name: 'percentile bootstrap', interval: percentileBootstrap },
  { name: 'bootstrap-t on the logit', interval: bootstrapT },
  { name: 't on the logit', interval: studentOnLogit },
  { name: 'Wilson, effective size, t', interval: effectiveWilson },
  { name: 'Korn-Graubard', interval: kornGraubard },
  { name: 'beta-binomial profile', interval: plainProfile },
  { name: 'beta-binomial profile, t(k - 1)', interval: studentProfile },
  { name: 'penalised, t(2 (k - 1))', interval: betaBinomialInterval },
  { name: '**`clusteredInterval`**', interval: clusteredInterval },
];

const { values } = parseArgs({
  options: {
    studies: { type: 'string', default: '2000' },
    seed: { type: 'string', default: '1' },
    only: { type: 'string', default: '' },
  },
});
const seed = Number(values.seed);
const studies = Number(values.studies);

/** For each kind of interval, of many drawn evaluations: 'share that hold the truth (mean width)'. */
function coverage<Drawn>(
  truth: number,
  draw: (random: Random) => Drawn,
  intervals: readonly ((drawn: Drawn, random: Random) => Interval)[],
): readonly string[] {
  const drawn = new Random(seed);
  const resampled = new Random(seed + 1);
  const found = intervals.map(() => ({ held: 0, width: 0 }));
  for (let count = 0; count < studies; count += 1) {
    const one = draw(drawn);
    for (const [index, interval] of intervals.entries()) {
      const { low, high } = interval(one, resampled);
      if (low <= truth && truth <= high) found[index]!.held += 1;
      found[index]!.width += high - low;
    }
  }
  return found.map(({ held, width }) => `${perCent(held)} (${perCent(width)})`);
}

const perCent = (sum: number) => ((100 * sum) / studies).toFixed(1);

function printTable<Row extends { readonly name: string }>(
  columns: readonly string[],
  rows: readonly Row[],
  cells: (row: Row) => readonly string[],
): void {
  const wanted = rows.filter(({ name }) => name.includes(values.only));
  if (wanted.length === 0) return;
  console.log(`\n| ${columns.join(' | ')} |\n| --- |${' --: |'.repeat(columns.length - 1)}`);
  for (const row of wanted) console.log(`| ${[row.name, ...cells(row)].join(' | ')} |`);
}

for (const rows of [barStudies, furtherStudies]) {
  printTable(['base questions x answers, rates', ...methods.map(({ name }) => name)], rows, (study: Study) =>
    coverage(
      study.truth,
      (random) => study.draw(random),
      methods.map(
        ({ interval, byForm }) =>
          (forms: ReturnType<Study['draw']>, random: Random) =>
            interval(byForm ? forms.flat() : forms.map(totalOf), random)!,
      ),
    ),
  );
}

/** How often the test finds a difference at 5 %. */
function found(draw: Comparison['draw']): string {
  const random = new Random(seed);
  let rejected = 0;
  for (let count = 0; count < studies; count += 1)
    if (signFlipTest(draw(random)).pValue <= 0.05) rejected += 1;
  return perCent(rejected);
}

printTable(
  ['comparison', 't on differences', '**`compareRates`**', 'p <= 0.05'],
  comparisons,
  ({ truth, draw }) => [
    ...coverage(truth, draw, [studentOnDifferences, (pairs) => compareRates(pairs).interval!]),
    found(draw),
  ],
);
