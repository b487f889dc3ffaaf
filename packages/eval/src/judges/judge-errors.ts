import { carries } from '../errors.ts';
import { printable } from '../printable.ts';
import type { Facts } from '../sources/answer-source.ts';

const judgePreflightMarker = Symbol.for('safetune.JudgePreflightError');

/**
 * What is wrong with a judge that was tried out.
 *
 * - `'unreachable'`, `'wrong-key'`, `'unknown-model'`: it cannot be asked;
 * - `'no-log-probabilities'`, `'bad-log-probabilities'` (above 0), `'few-candidates'`: its scores cannot be computed;
 * - `'several-tokens'`: it spells numbers, and would be read as if it did not;
 * - `'no-numbers'`: it answers with something else than numbers;
 * - `'ordering'`: it does not score known good answers clearly above known bad ones.
 */
export type JudgeProblem =
  | 'unreachable'
  | 'wrong-key'
  | 'unknown-model'
  | 'no-log-probabilities'
  | 'bad-log-probabilities'
  | 'few-candidates'
  | 'several-tokens'
  | 'no-numbers'
  | 'ordering';

/** A judge that cannot judge, found out before the first answer was drawn. */
export class JudgePreflightError extends Error {
  readonly [judgePreflightMarker] = true;
  /** Name of the judge. */
  readonly judge: string;
  readonly problem: JudgeProblem;
  /** What was found until then. */
  readonly report: Facts;

  constructor(judge: string, problem: JudgeProblem, report: Facts, message: string, options?: ErrorOptions) {
    super(`judge '${printable(judge, 200)}': ${printable(message)}`, options);
    this.name = 'JudgePreflightError';
    this.judge = judge;
    this.problem = problem;
    this.report = report;
  }

  static isInstance(error: unknown): error is JudgePreflightError {
    return carries(error, judgePreflightMarker);
  }
}

const ruleFileMarker = Symbol.for('safetune.RuleFileError');

/** A file of rules that is not what it should be: not YAML, an unknown field, a score outside 0 .. 100, a broken pattern. */
export class RuleFileError extends Error {
  readonly [ruleFileMarker] = true;
  /** File as it was named by the caller. */
  readonly file: string;
  /** Line concerned, from 1; undefined when the whole file is meant. */
  readonly line: number | undefined;

  constructor(file: string, line: number | undefined, message: string, options?: ErrorOptions) {
    super(`${file}:${line === undefined ? '' : `${line}:`} ${printable(message)}`, options);
    this.name = 'RuleFileError';
    this.file = file;
    this.line = line;
  }

  static isInstance(error: unknown): error is RuleFileError {
    return carries(error, ruleFileMarker);
  }
}
