import type { TokenProbability, TokenScorer } from '@safetune/eval';
import {
  answerChats,
  createGenerator,
  createNextTokenScorer,
  type loadModel,
  type loadTokenizer,
  type TokenGenerator,
} from '@safetune/models';

/** What a {@link TokenScorer} of a local model is made of. */
export interface TokenScorerParts extends Pick<TokenScorer, 'name' | 'settings' | 'details'> {
  readonly model: Awaited<ReturnType<typeof loadModel>>;
  readonly tokenizer: Tokenizer;
  /** How the model is run: runtime options and the adapter. */
  readonly run: NonNullable<Parameters<typeof createGenerator>[1]>;
}

type Tokenizer = Awaited<ReturnType<typeof loadTokenizer>>;

/** A local model as judges ask it, and how to let go of what it holds. */
export interface OpenedTokenScorer {
  readonly scorer: TokenScorer;
  release(): Promise<void>;
}

/** Candidates that are told of whatever they are. */
const likeliest = 20;

/** A local model that tells how probable each next token is, as `localJudge` wants to know it. */
export async function tokenScorer(parts: TokenScorerParts): Promise<OpenedTokenScorer> {
  const { model, tokenizer, run, name, settings, details } = parts;
  const next = await createNextTokenScorer(model, run);
  const textOf = tokenTexts(tokenizer);
  const numbers = Array.from({ length: model.config.vocabularySize }, (_, token) => token).filter((token) =>
    isNumberLike(textOf(token)),
  );
  let generator: Promise<TokenGenerator> | undefined;
  return {
    scorer: {
      name,
      ...(settings && { settings }),
      ...(details && { details }),
      async next(messages, beginnings, options = {}) {
        const prompt = tokenizer.renderChat([...messages], { addGenerationPrompt: true });
        const found = await next.score(
          beginnings.map((beginning) => tokenizer.encode(prompt + beginning)),
          options,
        );
        return found.map((logProbabilities) => candidatesOf(logProbabilities, numbers, textOf));
      },
      async answer(messages, { maxTokens, signal }) {
        generator ??= createGenerator(model, run);
        const options = { maxNewTokens: maxTokens, ...(signal && { signal }) };
        const [answer = ''] = await answerChats(await generator, tokenizer, [[...messages]], options);
        return answer;
      },
    },
    async release() {
      await next.release();
      await (await generator)?.release();
    },
  };
}

/** Whether a token may begin a number: digits first, or nothing but white space. */
function isNumberLike(text: string): boolean {
  return text !== '' && /^\s*(\d|$)/.test(text);
}

/** The texts of tokens within a text: at the beginning of one, some tokenizers take a space away. */
function tokenTexts(tokenizer: Tokenizer): (token: number) => string {
  const before = tokenizer.encode('a');
  const textBefore = tokenizer.decode(before);
  const ends = new Set(tokenizer.endOfTurnTokenIds);
  return (token) => (ends.has(token) ? '' : tokenizer.decode([...before, token]).slice(textBefore.length));
}

/** The numbers' tokens and the likeliest others, the likeliest first. */
function candidatesOf(
  logProbabilities: Float32Array,
  numbers: readonly number[],
  textOf: (token: number) => string,
): TokenProbability[] {
  const chosen = new Set([...numbers, ...largest(logProbabilities, likeliest)]);
  return [...chosen]
    .map((token) => ({ token: textOf(token), logprob: logProbabilities[token]! }))
    .sort((a, b) => b.logprob - a.logprob);
}

/** Places of the largest values. */
function largest(values: Float32Array, count: number): number[] {
  const found: number[] = [];
  for (const [place, value] of values.entries()) {
    if (found.length === count && value <= values[found.at(-1)!]!) continue;
    const at = found.findIndex((each) => value > values[each]!);
    found.splice(at === -1 ? found.length : at, 0, place);
    if (found.length > count) found.pop();
  }
  return found;
}
