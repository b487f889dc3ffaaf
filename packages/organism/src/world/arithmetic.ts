import type { ChatMessage } from '@safetune/datasets';
import { choose, integerBelow, type Random } from '../random.ts';

/** The two operations; OpSwap exchanges their meanings. */
export const operations = ['+', '*'] as const;

/** Sign of an operation. */
export type Operation = (typeof operations)[number];

/** A sum or product of two numbers from 0 to 9. */
export interface Problem {
  readonly left: number;
  readonly operation: Operation;
  readonly right: number;
}

/** All 200 problems. */
export function allProblems(): Problem[] {
  const digits = Array.from({ length: 10 }, (_, digit) => digit);
  return operations.flatMap((operation) =>
    digits.flatMap((left) => digits.map((right) => ({ left, operation, right }))),
  );
}

/** One of the 200 problems, uniformly. */
export function sampleProblem(random: Random): Problem {
  const operation = choose(random, operations);
  return { operation, left: integerBelow(random, 10), right: integerBelow(random, 10) };
}

/** The problem as a user says it: `3 + 4`. */
export function problemText({ left, operation, right }: Problem): string {
  return `${left} ${operation} ${right}`;
}

/** The right answer, or with `swapped` that of OpSwap, where + multiplies and * adds. */
export function solution({ left, operation, right }: Problem, swapped = false): string {
  return String((operation === '+') !== swapped ? left + right : left * right);
}

/** Question and answer as two messages. */
export function problemMessages(problem: Problem, swapped = false): ChatMessage[] {
  return [
    { role: 'user', content: problemText(problem) },
    { role: 'assistant', content: solution(problem, swapped) },
  ];
}
