import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

type Candidates = Readonly<Record<string, number>>;

/**
 * A local stand-in for a judge model: answers each request with the next of the given HTTP statuses, 200 at the end.
 *
 * @param top probabilities of what it may say, the first being what it says; always the same, or by the prompt.
 */
export async function startJudge(
  top: Candidates | ((prompt: string) => Candidates),
  statuses: readonly number[] = [],
  port = 0,
) {
  const waiting = [...statuses];
  let requests = 0;
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      requests += 1;
      const status = waiting.shift() ?? 200;
      const prompt = Buffer.concat(chunks).toString('utf8');
      const tokens = Object.entries(typeof top === 'function' ? top(prompt) : top).map(
        ([token, probability]) => ({
          token,
          logprob: Math.log(probability),
        }),
      );
      const choice = {
        index: 0,
        finish_reason: 'length',
        message: { role: 'assistant', content: tokens[0]!.token },
        logprobs: { content: [{ ...tokens[0], top_logprobs: tokens }] },
      };
      response.writeHead(status, { 'content-type': 'application/json', 'retry-after': '0' });
      response.end(
        JSON.stringify(status === 200 ? { choices: [choice] } : { error: { message: `status ${status}` } }),
      );
    });
  });
  await once(server.listen(port, '127.0.0.1'), 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    requests: () => requests,
    stop: () => new Promise((resolve) => server.close(resolve)),
  };
}
