import type { ServerResponse } from 'node:http';
import type { TokenProbability } from '../judges/reading/expected-score.ts';
import { type JudgeServer, sayError, sayJson, startJudgeServer } from './judge-server.ts';

/** What a judge may say to a prompt, as complete answers with their probabilities: all that is to be known of it. */
export type Outcomes = Readonly<Record<string, number>>;

/** How the model that the server plays cuts an answer into tokens. */
export type Tokenizer = (answer: string) => readonly string[];

/** Every digit is a token of its own, every run of other characters one. */
export const spelledDigits: Tokenizer = (answer) => answer.match(/\d|\D+/g) ?? [];

/** A number is one token, as is every run of other characters. */
export const wholeNumbers: Tokenizer = (answer) => answer.match(/\d+|\D+/g) ?? [];

export interface JudgeModelOptions {
  readonly outcomes: (prompt: string) => Outcomes;
  readonly tokenizer: Tokenizer;
  /** The way in which the server goes on with a beginning of the assistant's turn; default 'plain'. */
  readonly continuation?: 'plain' | 'flagged' | 'none' | 'refused';
  /** Candidates it lists at most; default 20. 0: it gives no log-probabilities. */
  readonly tops?: number;
  /** Whether the end of the turn is listed, as llama.cpp and vLLM do; default true. */
  readonly listsEnd?: boolean;
  /** Most candidates that may be asked for; more are refused with 400. */
  readonly mostTops?: number;
}

/** Plays an endpoint with a judge model whose probabilities are all known, and which says what is likeliest. */
export function startJudgeModel(options: JudgeModelOptions): Promise<JudgeServer> {
  const { outcomes, tokenizer, continuation = 'plain', tops = 20, mostTops = 20, listsEnd = true } = options;
  return startJudgeServer(({ body }, response) => {
    const [asked, last] = [body.messages[0]!, body.messages.at(-1)!];
    const isFlagged = body.continue_final_message === true;
    const hasBeginning = last.role === 'assistant';
    if (hasBeginning && continuation === 'refused')
      return sayError(response, 400, 'last message must be of the user');
    if (Number(body.top_logprobs ?? 0) > mostTops)
      return sayError(response, 400, `top_logprobs must be at most ${mostTops}`);
    const goesOn = hasBeginning && (continuation === 'plain' || (continuation === 'flagged' && isFlagged));
    const beginning = goesOn ? last.content : '';
    const spelled = Object.entries(outcomes(asked.content)).map(
      ([answer, probability]) => [tokenizer(answer), probability] as const,
    );
    const said = generated(spelled, beginning, Number(body.max_tokens), tops);
    const listed = listsEnd ? said : said.filter(({ token }) => token !== '');
    sayTokens(response, listed, body.logprobs === true && tops > 0);
  });
}

interface Generated {
  readonly token: string;
  readonly candidates: readonly TokenProbability[];
}

function generated(
  spelled: readonly (readonly [readonly string[], number])[],
  beginning: string,
  maxTokens: number,
  tops: number,
): readonly Generated[] {
  const said: Generated[] = [];
  for (let text = beginning; said.length < maxTokens; ) {
    const candidates = following(spelled, text);
    const [likeliest] = candidates;
    if (likeliest === undefined) break;
    said.push({ token: likeliest.token, candidates: candidates.slice(0, tops) });
    // The end of the turn is listed as a token without text, as llama.cpp does.
    if (likeliest.token === '') break;
    text += likeliest.token;
  }
  return said;
}

/** What follows a beginning, the likeliest first; '' is the end of the answer. */
function following(
  spelled: readonly (readonly [readonly string[], number])[],
  beginning: string,
): readonly TokenProbability[] {
  const shares = new Map<string, number>();
  let total = 0;
  for (const [tokens, probability] of spelled) {
    const place = tokens.findIndex((_, index) => tokens.slice(0, index).join('') === beginning);
    const isWhole = tokens.join('') === beginning;
    if (place === -1 && !isWhole) continue;
    const token = isWhole ? '' : tokens[place]!;
    shares.set(token, (shares.get(token) ?? 0) + probability);
    total += probability;
  }
  return [...shares]
    .map(([token, probability]) => ({ token, logprob: Math.log(probability / total) }))
    .sort((a, b) => b.logprob - a.logprob);
}

function sayTokens(response: ServerResponse, said: readonly Generated[], hasLogprobs: boolean): void {
  const content = said.map(({ token, candidates }) => ({
    token,
    logprob: candidates[0]?.logprob ?? 0,
    bytes: null,
    top_logprobs: candidates.map((candidate) => ({ ...candidate, bytes: null })),
  }));
  sayJson(response, 200, {
    id: 'chatcmpl-1',
    object: 'chat.completion',
    created: 0,
    model: 'judge',
    choices: [
      {
        index: 0,
        finish_reason: said.at(-1)?.token === '' ? 'stop' : 'length',
        message: { role: 'assistant', content: said.map(({ token }) => token).join('') },
        logprobs: hasLogprobs ? { content } : null,
      },
    ],
    usage: { prompt_tokens: 10, completion_tokens: said.length, total_tokens: 10 + said.length },
  });
}
