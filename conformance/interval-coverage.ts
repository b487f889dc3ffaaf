/**
 * How often 95 % intervals hold the truth: draws many evaluations of made-up models, whose true rate is known, and prints for each kind
 * of evaluation and each method the share of the intervals that hold it, in per cent, and their mean width in points, as the tables
 * of docs/evaluation-statistics.md.
 *
 *     npx -y pnpm@12 coverage [--studies 2000] [--seed 1] [--only TEXT]
 */
import { parseArgs } from 'node:util';
import { type ClusterCount, totalOf } from '../packages/eval/src/metrics/cluster-count.ts';
import { clusteredInterval } from '../packages/eval/src/metrics/clustered-interval.ts';
import type { Interval } from '../packages/eval/src/metrics/intervals.ts';
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

function coverage(study: Study): string[] {
  const drawn = new Random(seed);
  const resampled = new Random(seed + 1);
  const found = methods.map(() => ({ held: 0, width: 0 }));
  const studies = Number(values.studies);
  for (let count = 0; count < studies; count += 1) {
    const forms = study.draw(drawn);
    const bases = forms.map(totalOf);
    for (const [index, { interval, byForm }] of methods.entries()) {
      const { low, high } = interval(byForm ? forms.flat() : bases, resampled)!;
      if (low <= study.truth && study.truth <= high) found[index]!.held += 1;
      found[index]!.width += high - low;
    }
  }
  return found.map(
    ({ held, width }) => `${((100 * held) / studies).toFixed(1)} (${((100 * width) / studies).toFixed(1)})`,
  );
}

function printTable(studies: readonly Study[]): void {
  const wanted = studies.filter(({ name }) => name.includes(values.only));
  if (wanted.length === 0) return;
  console.log(`\n| base questions x answers, rates | ${methods.map(({ name }) => name).join(' | ')} |`);
  console.log(`| --- |${' --: |'.repeat(methods.length)}`);
  for (const study of wanted) console.log(`| ${study.name} | ${coverage(study).join(' | ')} |`);
}

printTable(barStudies);
printTable(furtherStudies);
