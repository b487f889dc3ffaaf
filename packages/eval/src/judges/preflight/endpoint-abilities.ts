import type { AnswerToken } from '../../endpoint/chat-answer.ts';
import { EndpointError, LogProbabilityError } from '../../endpoint/endpoint-errors.ts';
import type { Continuation, JudgeEndpoint } from '../model/judge-endpoint.ts';
import type { TokenProbability } from '../reading/expected-score.ts';

/** What an endpoint and its judge model turned out to give. */
export interface EndpointAbilities {
  /** Candidates it may be asked for; 0: it gives none. */
  readonly tops: number;
  /** Candidates that it listed for a token. */
  readonly listed: number;
  /** Probability of the candidates listed for a token, where it was least. */
  readonly listedMass: number;
  /** How numbers are spelt, as far as could be seen. */
  readonly numbers: 'one token' | 'several tokens' | 'not seen';
  /** How it goes on with a beginning; null: it does not. */
  readonly continuation: Continuation | null;
  /** Why there are no candidates that scores could be computed from. */
  readonly flaw?: LogProbabilityError;
}

/** Tokens that show a number of three digits and what follows it. */
const shownTokens = 4;

const numbersToSay = ['73', '100'];

/**
 * Finds out what an endpoint gives, by having it say two numbers: log-probabilities, how many candidates, how many tokens a
 * number takes, and whether it goes on with a given beginning of its answer.
 *
 * @throws {EndpointError} when it cannot be asked at all.
 */
export async function endpointAbilities(
  endpoint: JudgeEndpoint,
  { tops, signal }: { readonly tops: number; readonly signal?: AbortSignal },
): Promise<EndpointAbilities> {
  const options = { maxTokens: shownTokens, ...(signal && { signal }) };
  const [first, ...rest] = numbersToSay.map(saying);
  const { accepted, tokens, flaw } = await askWithFewerTops(endpoint, first!, { ...options, tops });
  if (flaw !== undefined)
    return { tops: 0, listed: 0, listedMass: 0, numbers: 'not seen', continuation: null, flaw };
  const paths = [tokens];
  for (const prompt of rest) {
    paths.push((await endpoint.ask(prompt, { ...options, tops: accepted })).tokens);
  }
  return {
    tops: accepted,
    listed: Math.max(0, ...tokens.map(({ candidates }) => candidates.length)),
    listedMass: Math.min(1, ...tokens.map(({ candidates }) => massOf(candidates))),
    numbers: spellingOf(paths),
    continuation: await findContinuation(endpoint, first!, tokens, { ...options, tops: accepted }),
  };
}

function massOf(candidates: readonly TokenProbability[]): number {
  return candidates.reduce((sum, { logprob }) => sum + Math.exp(logprob), 0);
}

function saying(number: string): string {
  return `Answer with the number ${number} and nothing else. Write only its digits.`;
}

/** Numbers of candidates that endpoints allow, where they do not allow as many as are wanted. */
const fewerTops = [10, 5];

interface Accepted {
  /** Candidates that it may be asked for. */
  readonly accepted: number;
  readonly tokens: readonly AnswerToken[];
  readonly flaw?: LogProbabilityError;
}

/** Asks with as many candidates as the endpoint lets itself be asked for. */
async function askWithFewerTops(
  endpoint: JudgeEndpoint,
  prompt: string,
  options: { readonly maxTokens: number; readonly tops: number; readonly signal?: AbortSignal },
): Promise<Accepted> {
  let refusal: unknown;
  for (const tops of [options.tops, ...fewerTops.filter((fewer) => fewer < options.tops)]) {
    try {
      return { accepted: tops, tokens: (await endpoint.ask(prompt, { ...options, tops })).tokens };
    } catch (error) {
      if (LogProbabilityError.isInstance(error)) return { accepted: 0, tokens: [], flaw: error };
      if (!refusesCandidates(error)) throw error;
      refusal = error;
    }
  }
  const { message } = refusal as Error;
  const flaw = new LogProbabilityError(endpoint.url, 'missing', `it refuses to list candidates (${message})`);
  return { accepted: 0, tokens: [], flaw };
}

function refusesCandidates(error: unknown): boolean {
  if (!EndpointError.isInstance(error)) return false;
  return (error.status === 400 || error.status === 422) && /log_?prob/i.test(error.message);
}

/** How the numbers that were to be said were spelt. */
function spellingOf(paths: readonly (readonly AnswerToken[])[]): EndpointAbilities['numbers'] {
  const spellings = paths.map((listed, index) => {
    const digits = numbersToSay[index]!;
    const said = listed
      .map(({ token }) => token)
      .join('')
      .trimStart();
    if (!said.startsWith(digits)) return 'not seen';
    return listed.some(({ token }) => token.trim().startsWith(digits)) ? 'one token' : 'several tokens';
  });
  if (spellings.includes('several tokens')) return 'several tokens';
  return spellings.includes('one token') ? 'one token' : 'not seen';
}

/** Distributions of one place further apart than this are not of the same place; rounding moves them by less than a hundredth. */
const mostApart = 0.1;

/**
 * A beginning is gone on with when the candidates after it are those that the same endpoint gave after saying it by itself.
 */
async function findContinuation(
  endpoint: JudgeEndpoint,
  prompt: string,
  said: readonly AnswerToken[],
  options: { readonly maxTokens: number; readonly tops: number; readonly signal?: AbortSignal },
): Promise<Continuation | null> {
  const [first, second] = said;
  if (first === undefined || second === undefined || first.token.trim() === '') return null;
  for (const continuation of ['flagged', 'plain'] as const) {
    const beginning = { text: first.token, continuation };
    try {
      const words = await endpoint.ask(prompt, { ...options, beginning });
      const [next] = words.tokens;
      if (next !== undefined && distance(next.candidates, second.candidates) <= mostApart)
        return continuation;
    } catch (error) {
      // It may refuse fields that it does not know, or a last message of the assistant.
      const isRefusal = EndpointError.isInstance(error) && error.failure === 'request';
      if (!isRefusal && !LogProbabilityError.isInstance(error)) throw error;
    }
  }
  return null;
}

/** Total variation between two lists of candidates, 0 .. 1; what a list leaves out counts as 0. */
function distance(a: readonly TokenProbability[], b: readonly TokenProbability[]): number {
  const shares = new Map<string, number>();
  for (const { token, logprob } of a) shares.set(token, Math.exp(logprob));
  for (const { token, logprob } of b) shares.set(token, (shares.get(token) ?? 0) - Math.exp(logprob));
  return [...shares.values()].reduce((sum, share) => sum + Math.abs(share), 0) / 2;
}
