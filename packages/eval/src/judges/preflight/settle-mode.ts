import { EndpointError, LogProbabilityError } from '../../endpoint/endpoint-errors.ts';
import type { Facts } from '../../sources/answer-source.ts';
import { JudgePreflightError } from '../judge-errors.ts';
import type { EndpointToJudge } from '../judge-options.ts';
import type { AskingOptions } from '../model/judge-model.ts';
import type { NumberMode } from '../model/number-modes.ts';
import { type EndpointAbilities, endpointAbilities } from './endpoint-abilities.ts';

/** How a judge will be asked, and what was found about it. */
export interface SettledMode {
  readonly numberMode: NumberMode;
  readonly facts: Facts;
}

/** Fewer candidates must hold almost all of the probability: numbers may hide among the rest. */
const fewestCandidates = 5;
const almostAll = 0.99;

/**
 * Chooses the mode that reads a judge rightly, or makes sure that the one that is wanted does.
 *
 * @throws {JudgePreflightError} when the endpoint cannot be asked, or not in the mode that is wanted.
 */
export async function settleMode(toJudge: EndpointToJudge, options: AskingOptions): Promise<SettledMode> {
  const { endpoint, mode, tops, maxTokens } = toJudge;
  if (mode === 'text') return { numberMode: { mode, maxTokens }, facts: {} };
  const abilities = await reaching(endpoint.name, () => endpointAbilities(endpoint, { tops, ...options }));
  const facts = factsOf(abilities);
  const problem = candidatesProblem(abilities);
  if (problem !== undefined) {
    // Numbers that cannot be logarithms come from a broken endpoint: its words are not to be trusted either.
    if (mode === 'auto' && problem.kind !== 'bad-log-probabilities')
      return { numberMode: { mode: 'text', maxTokens }, facts };
    const advice = `ask it in the mode 'text', which reads the number that it writes, or take another endpoint`;
    throw new JudgePreflightError(endpoint.name, problem.kind, facts, `${problem.message}; ${advice}`);
  }
  const { numbers, continuation } = abilities;
  if (mode === 'token' && numbers === 'several tokens') {
    const message =
      "it spells numbers in several tokens, of which the mode 'token' would read the first digit: ask it in the mode 'digits' or 'auto'";
    throw new JudgePreflightError(endpoint.name, 'several-tokens', facts, message);
  }
  // The tree of digits reads numbers of one token rightly too.
  const inOneToken = mode === 'token' || (mode === 'auto' && numbers === 'one token');
  return {
    numberMode: inOneToken
      ? { mode: 'token', tops: abilities.tops }
      : { mode: 'digits', tops: abilities.tops, continuation },
    facts,
  };
}

function candidatesProblem({ flaw, listed, listedMass }: EndpointAbilities) {
  if (flaw !== undefined) {
    const kind = flaw.problem === 'missing' ? 'no-log-probabilities' : 'bad-log-probabilities';
    return { kind, message: flaw.message } as const;
  }
  if (listed >= fewestCandidates || listedMass >= almostAll) return undefined;
  const message = `it lists ${listed} candidates for a token, at least ${fewestCandidates} are needed to compute a score`;
  return { kind: 'few-candidates', message } as const;
}

function factsOf({ listed, numbers, continuation }: EndpointAbilities): Facts {
  return {
    'candidates listed': listed,
    'numbers are spelt in': numbers,
    'goes on with a beginning': continuation !== null,
  };
}

/**
 * @throws {JudgePreflightError} that says what is wrong with the endpoint, its key or its model.
 */
export async function reaching<Result>(judge: string, ask: () => Promise<Result>): Promise<Result> {
  try {
    return await ask();
  } catch (cause) {
    if (LogProbabilityError.isInstance(cause)) {
      const problem = cause.problem === 'missing' ? 'no-log-probabilities' : 'bad-log-probabilities';
      throw new JudgePreflightError(judge, problem, {}, cause.message, { cause });
    }
    if (!EndpointError.isInstance(cause)) throw cause;
    const { status } = cause;
    const isKey = status === 401 || status === 403;
    const problem = isKey ? 'wrong-key' : status === 404 ? 'unknown-model' : 'unreachable';
    throw new JudgePreflightError(judge, problem, {}, `it cannot be asked: ${cause.message}`, { cause });
  }
}
