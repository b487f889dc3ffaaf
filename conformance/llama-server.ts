/** llama.cpp's HTTP server, as Python's xllamacpp carries it: a real OpenAI-compatible endpoint for tests. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { pythonWith } from './python.ts';

/** Why {@link startLlamaServer} cannot be called on this machine; undefined where it can. */
export const noLlamaServer: string | undefined =
  pythonWith('xllamacpp') === undefined ? 'no python3 with xllamacpp' : undefined;

/** A running server. */
export interface LlamaServer extends AsyncDisposable {
  /** Base address of its OpenAI-compatible API. */
  readonly url: string;
}

/**
 * Serves a GGUF file on a free port of this machine.
 *
 * @param apiKey what requests must carry; default: nothing.
 * @throws Error when the server ends before it listens, with the end of what it said.
 */
export async function startLlamaServer(model: string, apiKey?: string): Promise<LlamaServer> {
  const script = join(import.meta.dirname, 'serve_gguf.py');
  const flags = ['--model', model, ...(apiKey === undefined ? [] : ['--api-key', apiKey])];
  const child = spawn(pythonWith('xllamacpp')!, [script, ...flags], { stdio: ['pipe', 'pipe', 'pipe'] });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-2000);
  });
  const closed = once(child, 'close');
  // Only its own line counts: llama.cpp may print to the same stream.
  for await (const line of createInterface({ input: child.stdout })) {
    if (!line.startsWith('{"url"')) continue;
    return {
      url: JSON.parse(line).url,
      async [Symbol.asyncDispose]() {
        child.stdin.end();
        await closed;
      },
    };
  }
  throw new Error(`serve_gguf.py ended before it listened: ${said}`);
}
