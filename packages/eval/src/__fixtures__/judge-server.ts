import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A request as it reached the judge. */
interface JudgeRequest {
  readonly path: string;
  readonly authorization: string | undefined;
  readonly body: {
    readonly model: string;
    readonly messages: readonly { readonly role: string; readonly content: string }[];
    readonly [name: string]: unknown;
  };
}

/** A real HTTP server that plays a judge. */
export interface JudgeServer extends AsyncDisposable {
  readonly url: string;
  readonly requests: readonly JudgeRequest[];
}

type Reply = (request: JudgeRequest, response: ServerResponse, count: number) => void;

/** Starts a server on a free port of this machine; `reply` answers every request, told how many came before it. */
export async function startJudgeServer(reply: Reply): Promise<JudgeServer> {
  const requests: JudgeRequest[] = [];
  const server = createServer(async (incoming, response) => {
    const request = {
      path: incoming.url ?? '',
      authorization: incoming.headers.authorization,
      body: JSON.parse(await textOf(incoming)),
    };
    requests.push(request);
    reply(request, response, requests.length - 1);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    requests,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Answers with one token whose candidates have the given probabilities. */
export function sayToken(response: ServerResponse, candidates: Readonly<Record<string, number>>): void {
  const top = Object.entries(candidates).map(([token, probability]) => ({
    token,
    logprob: Math.log(probability),
    bytes: null,
  }));
  const content = top[0]?.token ?? '';
  sayJson(response, 200, {
    id: 'chatcmpl-1',
    object: 'chat.completion',
    created: 0,
    model: 'judge',
    choices: [
      {
        index: 0,
        finish_reason: 'length',
        message: { role: 'assistant', content },
        logprobs: { content: [{ ...top[0], top_logprobs: top }] },
      },
    ],
  });
}

/** Answers with an error; clients are told to try again at once. */
export function sayError(response: ServerResponse, status: number, message: string): void {
  response.setHeader('retry-after-ms', '1');
  sayJson(response, status, { error: { message, type: 'test', code: null, param: null } });
}

/** Answers with any JSON. */
export function sayJson(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
}

async function textOf(incoming: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}
