import OpenAI from 'openai';
import { expect, it, onTestFinished } from 'vitest';
import { apiRoutes } from '../api/routes.ts';
import { createServer } from '../api/server.ts';
import { openTestService } from '../service/__fixtures__/test-service.ts';
import { checkpoints, policyOf, temporaryFolder } from './__fixtures__/tiny-models.ts';
import { createChat } from './create-chat.ts';

// The official client, the API's routes, and a model in its process.

async function openServed() {
  const { service, key } = await openTestService();
  const policy = policyOf({ tiny: checkpoints.llama }, { context_tokens: 200 });
  const { storage } = service;
  const chat = await createChat({ policy, storage, directory: await temporaryFolder(), threads: 1 });
  const server = await createServer({ ...service, policy, chat }, { routes: apiRoutes });
  const address = await server.listen({ host: '127.0.0.1', port: 0 });
  onTestFinished(async () => {
    await server.close();
    await chat.close();
  });
  const client = new OpenAI({ apiKey: await key('one'), baseURL: `${address}/v1`, maxRetries: 0 });
  return { client, chat };
}

const request = {
  model: 'tiny',
  messages: [{ role: 'user' as const, content: 'Hello there' }],
  max_completion_tokens: 20,
  temperature: 1.1,
  seed: 11,
  logprobs: true,
  top_logprobs: 2,
};

it('is streamed as it is told whole, with the same log-probabilities', async () => {
  const { client } = await openServed();
  const { choices, usage } = await client.chat.completions.create(request);
  const { message, logprobs, finish_reason: reason } = choices[0]!;
  expect(usage).toMatchObject({ completion_tokens: 20 });
  expect(reason).toBe('length');
  expect(logprobs!.content).toHaveLength(20);
  const bytes = logprobs!.content!.flatMap((token) => token.bytes ?? []);
  expect(Buffer.from(bytes).toString()).toBe(message.content);
  const stream = await client.chat.completions.create({
    ...request,
    stream: true,
    stream_options: { include_usage: true },
  });
  let text = '';
  const tokens: OpenAI.ChatCompletionTokenLogprob[] = [];
  let told: OpenAI.CompletionUsage | undefined;
  for await (const chunk of stream) {
    text += chunk.choices[0]?.delta.content ?? '';
    tokens.push(...(chunk.choices[0]?.logprobs?.content ?? []));
    told = chunk.usage ?? told;
  }
  expect(text).toBe(message.content);
  expect(told).toEqual(usage);
  expect(tokens.map(({ token }) => token)).toEqual(logprobs!.content!.map(({ token }) => token));
  tokens.forEach(({ logprob }, index) => {
    expect(logprob).toBeCloseTo(logprobs!.content![index]!.logprob, 4);
  });
});

it('is refused in the words of OpenAI when it is too long, and freed when the client leaves', async () => {
  const { client, chat } = await openServed();
  const long = [{ role: 'user' as const, content: 'word '.repeat(300) }];
  await expect(client.chat.completions.create({ ...request, messages: long })).rejects.toMatchObject({
    ...{ status: 400, code: 'context_length_exceeded', param: 'messages' },
  });
  const stream = await client.chat.completions.create({
    ...request,
    max_completion_tokens: 150,
    stream: true,
  });
  for await (const chunk of stream) if (chunk.choices[0]?.delta.content) break;
  await expect.poll(() => chat.loaded()[0]?.requests, { timeout: 20_000 }).toBe(0);
  expect((await client.chat.completions.create(request)).usage?.completion_tokens).toBe(20);
});
