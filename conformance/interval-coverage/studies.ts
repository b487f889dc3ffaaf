/** Evaluations of made-up models, whose true rate is known. */
import type { ClusterCount } from '../../packages/eval/src/metrics/cluster-count.ts';
import type { Random } from '../random.ts';

/** One kind of evaluation, of which many are drawn. */
export interface Study {
  readonly name: string;
  /** The mean rate over all the base questions there could be: what an interval is to hold. */
  readonly truth: number;
  /** One evaluation: for each base question the counts of its forms. */
  draw(random: Random): readonly (readonly ClusterCount[])[];
}

/** How the rates of base questions are distributed. */
interface Rates {
  readonly text: string;
  readonly mean: number;
  draw(random: Random): number;
}

const beta = (a: number, b: number, text = `Beta(${a}, ${b})`): Rates => ({
  text,
  mean: a / (a + b),
  draw: (random) => betaValue(random, a, b),
});
/** The same mean with another spread: a + b says how alike questions are. */
const rare = (mean: number, sum: number): Rates =>
  beta(mean * sum, (1 - mean) * sum, `${100 * mean} %, a + b = ${sum}`);
const constant = (rate: number): Rates => ({ text: `all ${100 * rate} %`, mean: rate, draw: () => rate });

/** Not a beta distribution: a rate of 1 / (1 + exp(3 - 1.5 z)) for a standard normal z. Its mean is by quadrature. */
const logitNormal: Rates = {
  text: 'logit-normal(-3, 1.5)',
  mean: normalMean((z) => 1 / (1 + Math.exp(3 - 1.5 * z))),
  draw: (random) => 1 / (1 + Math.exp(3 - 1.5 * normalValue(random))),
};
/** Nor is this: one question in ten is answered wrongly nine times in ten, the others once in a hundred. */
const twoKinds: Rates = {
  text: '1 in 10 at 90 %, others at 1 %',
  mean: 0.1 * 0.9 + 0.9 * 0.01,
  draw: (random) => (random.chance(0.1) ? 0.9 : 0.01),
};

function study(
  bases: number,
  answers: number | readonly number[],
  rates: Rates,
  { forms = 1, alike = Number.POSITIVE_INFINITY }: { readonly forms?: number; readonly alike?: number } = {},
): Study {
  const each = typeof answers === 'number' ? String(answers) : answers.join(' or ');
  const how = forms === 1 ? '' : ` x ${forms} forms${alike === Number.POSITIVE_INFINITY ? ' alike' : ''}`;
  return {
    name: `${bases}${how} x ${each}, ${rates.text}`,
    truth: rates.mean,
    draw: (random) =>
      Array.from({ length: bases }, () => {
        const rate = rates.draw(random);
        return Array.from({ length: forms }, () => {
          const ofForm =
            alike === Number.POSITIVE_INFINITY ? rate : betaValue(random, rate * alike, (1 - rate) * alike);
          const count = typeof answers === 'number' ? answers : random.pick(answers);
          return { answers: count, successes: binomialValue(random, count, ofForm) };
        });
      }),
  };
}

const skewed = beta(0.6, 5.4);
const mild = beta(2, 18);

/** The rows in which the interval must hold the truth in 93 to 97 of 100 evaluations. */
export const barStudies: readonly Study[] = [
  study(24, 100, skewed),
  study(24, 100, mild),
  study(8, 100, skewed, { forms: 3 }),
  // Forms differ: the rate of each is drawn around that of its base question, from a beta distribution with a + b = 10.
  study(8, 100, skewed, { forms: 3, alike: 10 }),
  study(24, 100, rare(0.004, 25)),
  study(24, 2, rare(0.01, 2)),
];

/** Rows beyond those. */
export const furtherStudies: readonly Study[] = [
  study(2, 100, skewed),
  study(4, 100, skewed),
  study(4, 100, mild),
  study(8, 100, mild),
  study(16, 100, skewed),
  study(48, 50, skewed),
  study(210, 10, skewed),
  study(30, 100, skewed, { forms: 3, alike: 10 }),
  study(24, 1, skewed),
  study(24, 4, skewed),
  study(24, [5, 20, 50, 100, 300], skewed),
  study(8, [5, 20, 50, 100, 300], skewed),
  study(24, 100, beta(3, 3)),
  study(8, 100, beta(0.5, 0.5)),
  study(24, 100, beta(5.4, 0.6)),
  study(24, 100, constant(0.1)),
  study(24, 100, constant(0.004)),
  study(24, 100, rare(0.004, 6)),
  study(24, 100, rare(0.004, 100)),
  study(24, 2, rare(0.01, 1000)),
  study(24, 100, logitNormal),
  study(8, 100, logitNormal),
  study(24, 100, twoKinds),
  study(24, 100, constant(0)),
  study(24, 100, constant(1)),
];

function normalValue(random: Random): number {
  return Math.sqrt(-2 * Math.log(1 - random.next())) * Math.cos(2 * Math.PI * random.next());
}

/** The mean of a function of a standard normal variable, by the trapezoidal rule. */
function normalMean(f: (z: number) => number): number {
  let sum = 0;
  for (let z = -10; z <= 10; z += 0.01) sum += f(z) * Math.exp(-(z ** 2) / 2);
  return (0.01 * sum) / Math.sqrt(2 * Math.PI);
}

/** ln of a gamma variable (Marsaglia and Tsang, 2000): its logarithm does not vanish for small shapes. */
function logGammaValue(random: Random, shape: number): number {
  if (shape < 1) return logGammaValue(random, shape + 1) + Math.log(1 - random.next()) / shape;
  const d = shape - 1 / 3;
  for (;;) {
    const x = normalValue(random);
    const v = (1 + x / Math.sqrt(9 * d)) ** 3;
    if (v <= 0) continue;
    if (Math.log(1 - random.next()) < x ** 2 / 2 + d - d * v + d * Math.log(v)) return Math.log(d * v);
  }
}

/** A beta variable, also of small a and b. */
export function betaValue(random: Random, a: number, b: number): number {
  if (a === 0 || b === 0) return a === 0 ? 0 : 1;
  return 1 / (1 + Math.exp(logGammaValue(random, b) - logGammaValue(random, a)));
}

/** How many of `count` answers count, each with the chance `rate`. */
export function binomialValue(random: Random, count: number, rate: number): number {
  let successes = 0;
  for (let answer = 0; answer < count; answer += 1) if (random.chance(rate)) successes += 1;
  return successes;
}
