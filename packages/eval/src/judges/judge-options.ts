import type { EndpointOptions } from '../endpoint/endpoint-options.ts';
import { InvalidOptionError } from '../errors.ts';
import { type JudgeEndpoint, judgeEndpoint } from './model/judge-endpoint.ts';
import { minimumNumericMass } from './reading/expected-score.ts';

/** How a judge model's scores are asked for and read. */
export type JudgeMode = 'auto' | 'token' | 'digits' | 'text';

/** What `openAiCompatibleJudge` takes beside the {@link EndpointOptions}. */
export interface OpenAiCompatibleJudgeOptions extends EndpointOptions {
  /** Name of the judge model at the endpoint. */
  readonly model: string;
  /** Shown in reports, and what tells judges of one evaluation apart; default the model's name. */
  readonly name?: string;
  /**
   * How scores are read; default 'auto': `prepare` tries the judge out and chooses.
   *
   * - 'token': the `expectedScore` of the candidates for ONE token; for tokenizers that hold 0 to 100 as single tokens.
   * - 'digits': the expected value of whole numbers over the tree of their digits (`numberTree`); for tokenizers that spell
   *   numbers. One request, and one for every further beginning that matters, where the endpoint goes on with one.
   * - 'text': the number that the judge writes (`readScore`); for endpoints without log-probabilities.
   */
  readonly mode?: JudgeMode;
  /**
   * Whether `prepare` tries the judge out; default true. Without, the mode must be 'token' or 'text', and nobody has seen
   * that this judge can judge.
   */
  readonly preflight?: boolean;
  /** See `expectedScore`; default 0.25. */
  readonly minimumNumericMass?: number;
  /** Longest answer of the mode 'text', in tokens; default 200. Judges that think aloud need thousands. */
  readonly maxTokens?: number;
}

const modes: readonly JudgeMode[] = ['auto', 'token', 'digits', 'text'];

/** Candidates asked for, for every token: as many as OpenAI's API allows. */
const mostTops = 20;

/** A judge's options, checked, and its endpoint. */
export interface EndpointToJudge {
  readonly endpoint: JudgeEndpoint;
  readonly mode: JudgeMode;
  readonly tops: number;
  readonly maxTokens: number;
  readonly leastMass: number;
}

/** @throws {InvalidOptionError} for an option outside its range. */
export function endpointToJudge(options: OpenAiCompatibleJudgeOptions): EndpointToJudge {
  const { mode = 'auto', maxTokens = 200, preflight = true } = options;
  const leastMass = options.minimumNumericMass ?? minimumNumericMass;
  if (!modes.includes(mode))
    throw new InvalidOptionError('mode', `must be one of ${modes.join(', ')}, not '${mode}'`);
  if (!Number.isSafeInteger(maxTokens) || maxTokens < 1)
    throw new InvalidOptionError('maxTokens', `must be a positive integer, not ${maxTokens}`);
  if (!preflight && (mode === 'auto' || mode === 'digits')) {
    const message = `'${mode}' is settled by the preflight; without one, give 'token' or 'text'`;
    throw new InvalidOptionError('mode', message);
  }
  return { endpoint: judgeEndpoint(options), mode, tops: mostTops, maxTokens, leastMass };
}
