import type { AnswerToken } from '../../endpoint/chat-answer.ts';
import { LogProbabilityError } from '../../endpoint/endpoint-errors.ts';
import type { TokenCount } from '../../sources/answer-source.ts';
import { expectedScore } from '../reading/expected-score.ts';
import { type NumberTree, numberTree } from '../reading/number-tree.ts';
import { readScore } from '../reading/read-score.ts';
import { type ScoredNumber, scoredNumber } from '../reading/scored-number.ts';
import type { Continuation, JudgeEndpoint, JudgeWords, WordsOptions } from './judge-endpoint.ts';
import type { AskingOptions, JudgeModel } from './judge-model.ts';

/** How a score is asked for and read; see `openAiCompatibleJudge`. */
export type NumberMode =
  | { readonly mode: 'token'; readonly tops: number }
  | { readonly mode: 'digits'; readonly tops: number; readonly continuation: Continuation | null }
  | { readonly mode: 'text'; readonly maxTokens: number };

/** The way to ask an endpoint for a number in a mode. */
export function askNumber(
  endpoint: JudgeEndpoint,
  mode: NumberMode,
  leastMass: number,
): JudgeModel['number'] {
  switch (mode.mode) {
    case 'token':
      return async (prompt, options) =>
        scoreOf(await endpoint.ask(prompt, { maxTokens: 1, tops: mode.tops, ...options }), (words) =>
          tokenScore(words, leastMass),
        );
    case 'digits':
      return async (prompt, options) => {
        const digits: DigitsAsking = { ...mode, leastMass, ...options };
        const words = await endpoint.ask(prompt, pathOptions(digits));
        return words.missing === undefined ? digitsScore(endpoint, prompt, words, digits) : unanswered(words);
      };
    case 'text':
      return async (prompt, options) =>
        scoreOf(
          await endpoint.ask(prompt, { maxTokens: mode.maxTokens, tops: 0, ...options }),
          ({ text }) => ({
            ...readScore(text),
            said: { text },
          }),
        );
  }
}

function scoreOf(words: JudgeWords, read: (words: JudgeWords) => ScoredNumber): ScoredNumber {
  if (words.missing !== undefined) return unanswered(words);
  return { ...read(words), ...(words.usage && { tokens: words.usage }) };
}

function unanswered({ missing, usage }: JudgeWords): ScoredNumber {
  return { score: null, reason: missing!.reason, said: { text: '' }, ...(usage && { tokens: usage }) };
}

/** The score of the numbers among the first token's candidates. */
function tokenScore({ tokens }: JudgeWords, leastMass: number): ScoredNumber {
  const { candidates } = tokens[0]!;
  const likeliest = candidates.reduce((best, each) => (each.logprob > best.logprob ? each : best));
  const outOfRangeMass = candidates
    .filter(({ token }) => /^\s*\d+\s*$/.test(token) && Number(token) > 100)
    .reduce((sum, { logprob }) => sum + Math.exp(logprob), 0);
  const reading = { ...expectedScore(candidates, leastMass), outOfRangeMass, outcomes: candidates };
  return scoredNumber(reading, likeliest.token, leastMass);
}

/** Tokens that show a number of three digits and what follows it. */
const numberTokens = 4;

/** Share of the numbers' probability that may lie on beginnings not followed: it moves a score by at most 2 points. */
const mostOpen = 0.02;

/** Far more than any judge needs: all first digits, and those that 1 and 10 may begin. */
const mostRequests = 16;

interface DigitsAsking extends AskingOptions {
  readonly tops: number;
  readonly continuation: Continuation | null;
  readonly leastMass: number;
}

function pathOptions({ tops, signal }: DigitsAsking) {
  return { maxTokens: numberTokens, tops, ...(signal && { signal }) };
}

/**
 * The score of whole numbers over the tree of their digits. The first request shows the candidates along the likeliest path;
 * then the likeliest other beginnings are followed, a request each, until all but {@link mostOpen} of the probability is known.
 */
async function digitsScore(
  endpoint: JudgeEndpoint,
  prompt: string,
  first: JudgeWords,
  asking: DigitsAsking,
): Promise<ScoredNumber> {
  const { continuation, leastMass } = asking;
  const tree = numberTree();
  addPath(tree, '', first.tokens);
  let tokens = first.usage;
  for (let requests = 1; ; requests += 1) {
    const reading = tree.read(leastMass);
    // White space at the beginning of a turn is taken away by many chat templates: it cannot be gone on with.
    const open = continuation === null ? [] : tree.open().filter(({ text }) => text.trim() !== '');
    const openMass = open.reduce((sum, { probability }) => sum + probability, 0);
    const possible = reading.numericMass + openMass;
    const [likeliest] = open;
    const isEnough = likeliest === undefined || possible < leastMass || openMass <= mostOpen * possible;
    if (isEnough || requests === mostRequests)
      return { ...scoredNumber(reading, first.text, leastMass), ...(tokens && { tokens }) };
    const beginning = { text: likeliest.text, continuation: continuation! };
    const after = await askAfter(endpoint, prompt, { ...pathOptions(asking), beginning });
    addPath(tree, likeliest.text, after.tokens);
    tokens = sumOf(tokens, after.usage);
  }
}

/** What follows a beginning; no tokens where the judge would end its turn and the endpoint does not list the end. */
async function askAfter(endpoint: JudgeEndpoint, prompt: string, options: WordsOptions): Promise<JudgeWords> {
  try {
    return await endpoint.ask(prompt, options);
  } catch (error) {
    // Endpoints that listed candidates before list none of an answer that has no further token.
    if (!LogProbabilityError.isInstance(error) || error.problem !== 'missing') throw error;
    return { text: '', tokens: [] };
  }
}

/** Adds the candidates after a beginning, then after the beginning with the token that was said, and so on. */
function addPath(tree: NumberTree, beginning: string, tokens: readonly AnswerToken[]): void {
  let path = beginning;
  for (const { token, candidates } of tokens) {
    if (!/^\s*\d*$/.test(path)) return;
    tree.add(path, candidates);
    path += token;
  }
  if (tokens.length < numberTokens) tree.end(path);
}

function sumOf(a: TokenCount | undefined, b: TokenCount | undefined): TokenCount | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return { prompt: a.prompt + b.prompt, completion: a.completion + b.completion };
}
