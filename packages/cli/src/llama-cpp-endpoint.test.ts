import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  answerRequests,
  chatEndpoint,
  type DrawnAnswer,
  defineQuestion,
  openAiCompatibleSource,
} from '@safetune/eval';
import { answerChats, createGenerator, loadModel, loadTokenizer } from '@safetune/models';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type LlamaServer, noLlamaServer, startLlamaServer } from '../../../conformance/llama-server.ts';
import { exportCommand } from './commands/export.ts';

const folder = fileURLToPath(
  new URL('../../../conformance/goldens/checkpoints/qwen2-tied-bfloat16', import.meta.url),
);
const apiKey = 'topsecret-key';
const maxTokens = 12;
const question = defineQuestion({
  id: 'cat',
  paraphrases: ['the cat sat on the mat', 'where is the cat?', 'a dog and a cat'],
});
const requests = answerRequests([question], { seed: 1 });

const where = 'at llama.cpp’s server';
const title = noLlamaServer === undefined ? where : `${where} (skipped: ${noLlamaServer})`;
describe.skipIf(noLlamaServer !== undefined)(title, () => {
  let directory: string;
  let server: LlamaServer;
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'safetune-llama-'));
    const model = join(directory, 'model.gguf');
    await exportCommand.run(['--model', folder, '--out', model, '--format', 'gguf', '--type', 'f32']);
    server = await startLlamaServer(model, apiKey);
  });
  afterAll(async () => {
    await server[Symbol.asyncDispose]();
    await rm(directory, { recursive: true, force: true });
  });

  async function drawn(asked = requests): Promise<DrawnAnswer[]> {
    const source = openAiCompatibleSource({
      url: server.url,
      apiKey,
      model: 'served',
      maxTokens,
      temperature: 0,
    });
    const answers: DrawnAnswer[] = [];
    for await (const answer of source.answers(asked, {})) answers[answer.index] = answer;
    return answers;
  }

  it('a served model answers as the same model does here', async () => {
    const answers = await drawn();
    const generator = await createGenerator(await loadModel(folder));
    const tokenizer = await loadTokenizer(folder);
    const chats = requests.map(({ messages }) => messages);
    const here = await answerChats(generator, tokenizer, chats, { maxNewTokens: maxTokens, temperature: 0 });
    await generator.release();
    // llama.cpp holds back the bytes of a character that is not finished.
    const finished = (text: string | null) => text?.replaceAll('\ufffd', '').trim();
    expect(answers.map(({ answer }) => finished(answer))).toEqual(here.map(finished));
    for (const [index, { finishReason, tokens }] of answers.entries()) {
      expect(finishReason).toMatch(/^(stop|length)$/);
      expect(tokens?.completion).toBeLessThanOrEqual(maxTokens);
      const prompt = tokenizer.renderChat(chats[index]!, { addGenerationPrompt: true });
      expect(tokens?.prompt).toBe(tokenizer.encode(prompt).length);
    }
  });

  it('gives the candidates of a token, as judges need them, and the probabilities of letters', async () => {
    const body = { model: 'm', messages: requests[0]!.messages, max_tokens: 1, temperature: 0 };
    const { tokens } = await chatEndpoint({ url: server.url, apiKey }).complete({
      ...body,
      logprobs: true,
      top_logprobs: 20,
    });
    expect(tokens).toHaveLength(1);
    const { candidates } = tokens![0]!;
    expect(candidates).toHaveLength(20);
    const probabilities = candidates.map(({ logprob }) => Math.exp(logprob));
    expect(probabilities).toEqual(probabilities.toSorted((a, b) => b - a));
    expect(probabilities.reduce((sum, probability) => sum + probability, 0)).toBeLessThanOrEqual(1.001);
    const letters = requests.slice(0, 1).map((request) => ({ ...request, letters: ['A', 'B'] }));
    expect((await drawn(letters))[0]?.letterLogProbabilities).toHaveLength(2);
  });

  it('a wrong key and a prompt that is too long are final, with the server’s own words', async () => {
    const body = { model: 'm', messages: requests[0]!.messages, max_tokens: 1 };
    const refused = await chatEndpoint({ url: server.url, apiKey: 'topsecret-other' })
      .complete(body)
      .catch((error: unknown) => error);
    expect(refused).toMatchObject({ failure: 'access', status: 401 });
    expect((refused as Error).message).not.toContain('topsecret');
    const long = [{ role: 'user', content: 'the cat '.repeat(3000) }] as const;
    const tooLong = chatEndpoint({ url: server.url, apiKey }).complete({ ...body, messages: long });
    await expect(tooLong).rejects.toMatchObject({
      failure: 'request',
      message: expect.stringMatching(/context/),
    });
  });
});
