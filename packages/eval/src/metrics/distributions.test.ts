import { expect, test } from 'vitest';
import { betaQuantile, incompleteBeta, logGamma, studentQuantile } from './distributions.ts';

// All values by scipy.
test.each([
  [0.1, 2.252712651734206],
  [0.5, 0.5723649429247],
  [1, 0],
  [3.7, 1.428072326665388],
  [100, 359.1342053695754],
  [1e5, 1051287.7089736569],
])('ln of gamma(%d)', (x, expected) => {
  expect(Math.abs(logGamma(x) - expected)).toBeLessThan(1e-13 * Math.max(1, expected));
});

test.each([
  [0.3, 2, 5, 0.5798250000000003],
  [0.9, 0.5, 0.5, 0.7951672353008665],
  [0.001, 0.1, 24.9, 0.7236877510548072],
  [0, 2, 5, 0],
  [1, 2, 5, 1],
])('a beta variable is at most %d for a = %d, b = %d', (x, a, b, expected) => {
  expect(incompleteBeta(x, a, b)).toBeCloseTo(expected, 12);
});

test.each([
  [0.025, 1, 2400, 1.0549031018701757e-5],
  [0.975, 3.5, 0.2, 0.9999999979527355],
  [0.5, 2000, 3000, 0.39998666562641755],
  [0.1, 0.5, 0.5, 0.024471741852423214],
  [0, 2, 5, 0],
  [1, 2, 5, 1],
])('the %d quantile of beta(%d, %d)', (probability, a, b, expected) => {
  const quantile = betaQuantile(probability, a, b);
  expect(Math.abs(quantile - expected)).toBeLessThanOrEqual(1e-10 * expected);
});

test.each([
  [0.975, 1, 12.706204736174694],
  [0.975, 2, 4.302652729749462],
  [0.975, 46, 2.012895598919429],
  [0.975, 1000, 1.9623390808264083],
  [0.9, 5, 1.4758840488244815],
  [0.9995, 5, 6.868826625881276],
  [0.5, 5, 0],
])('the %d quantile of t with %d degrees of freedom', (probability, degreesOfFreedom, expected) => {
  expect(studentQuantile(probability, degreesOfFreedom)).toBeCloseTo(expected, 9);
});
