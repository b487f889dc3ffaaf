import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type GoldenName, goldenDirectory, temporaryDirectory } from '../__fixtures__/goldens.ts';
import { loadModel } from '../load-model.ts';
import { loadTokenizer, type Tokenizer } from '../tokenizer.ts';
import { answerChats } from './answer-chats.ts';
import { createGenerator, type TokenGenerator } from './generate.ts';
import type { GeneratedToken } from './options.ts';
import { type StreamedAnswer, streamAnswer } from './stream-answer.ts';

/** Made by transformers; see __fixtures__/make.py. */
interface Generation {
  readonly model: GoldenName;
  readonly prompt: readonly number[];
  readonly text: string;
  readonly cases: readonly {
    readonly settings: { readonly repetitionPenalty?: number; readonly stopStrings?: readonly string[] };
    readonly tokens: readonly number[];
  }[];
}

const golden = JSON.parse(
  await readFile(new URL('__fixtures__/generation.json', import.meta.url), 'utf8'),
) as Generation;

const cacheDirectory = temporaryDirectory();
let generator: TokenGenerator;
let tokenizer: Tokenizer;
beforeAll(async () => {
  const folder = goldenDirectory(golden.model);
  generator = await createGenerator(await loadModel(folder, { cacheDirectory }));
  tokenizer = await loadTokenizer(folder);
});
afterAll(() => generator.release());

describe('greedy generation', () => {
  it.each(golden.cases)('under $settings is that of transformers', async ({ settings, tokens }) => {
    const options = { maxNewTokens: 24, stopTokenIds: [], tokenizer, ...settings };
    // Beside another text: what is watched and penalised is each row's own.
    const [found, other] = await generator.generate([golden.prompt, [1, 2, 3]], options);
    expect(found).toEqual(tokens);
    expect((await generator.generate([[1, 2, 3]], options))[0]).toEqual(other);
  });
});

const messages = [{ role: 'user', content: 'Hello' }];
const options = { maxNewTokens: 30, temperature: 1.2, seeds: [4], stopTokenIds: [] };

/** All pieces, and what the stream returns. */
async function collect(stream: AsyncGenerator<string, StreamedAnswer, void>) {
  const pieces: string[] = [];
  for (;;) {
    const { done, value } = await stream.next();
    if (done === true) return { pieces, end: value };
    pieces.push(value);
  }
}

describe('streamAnswer', () => {
  it('gives the answer in pieces while it is made', async () => {
    const [answer] = await answerChats(generator, tokenizer, [messages], options);
    const made: GeneratedToken[] = [];
    const stream = streamAnswer(generator, tokenizer, messages, {
      ...options,
      onToken: (token) => made.push(token),
    });
    const first = await stream.next();
    // The first piece came before the last token was made.
    expect(made.length).toBeLessThan(30);
    const { pieces, end } = await collect(stream);
    expect(pieces.length).toBeGreaterThan(3);
    expect(first.value + pieces.join('')).toBe(answer);
    expect(end).toEqual({ text: answer, tokens: made.map(({ token }) => token), finishReason: 'length' });
  });

  it('ends before a stop string, of which nothing is given', async () => {
    const [answer] = await answerChats(generator, tokenizer, [messages], options);
    const stop = answer!.slice(8, 12);
    const stopped = { ...options, stopStrings: [stop] };
    const { pieces, end } = await collect(streamAnswer(generator, tokenizer, messages, stopped));
    expect(pieces.join('')).toBe(answer!.slice(0, answer!.indexOf(stop)));
    expect(end.finishReason).toBe('stop');
    expect(await answerChats(generator, tokenizer, [messages], stopped)).toEqual([end.text]);
  });

  it('ends the generation within a token when the loop is left, and leaves the generator free', async () => {
    let made = 0;
    for await (const _ of streamAnswer(generator, tokenizer, messages, {
      ...options,
      maxNewTokens: 200,
      onToken: () => made++,
    })) {
      break;
    }
    const when = made;
    await answerChats(generator, tokenizer, [messages], { ...options, maxNewTokens: 2 });
    expect(made).toBe(when);
    expect(made).toBeLessThan(20);
  });

  it('throws the reason of its signal within a token', async () => {
    const controller = new AbortController();
    const reason = new Error('enough');
    let made = 0;
    const stream = streamAnswer(generator, tokenizer, messages, {
      ...options,
      maxNewTokens: 200,
      signal: controller.signal,
      onToken: () => {
        if (++made === 5) controller.abort(reason);
      },
    });
    await expect(collect(stream)).rejects.toBe(reason);
    expect(made).toBe(5);
  });

  it('throws what generating throws', async () => {
    const stream = streamAnswer(generator, tokenizer, messages, { maxNewTokens: 0 });
    await expect(stream.next()).rejects.toThrow('maxNewTokens must be a whole number');
  });
});
