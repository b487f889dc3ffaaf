import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { pythonWith } from './python.ts';

/** What is asked of Python `tokenizers`. */
export interface TokenizerRequest {
  /** The path of a tokenizer.json, or its content. */
  readonly tokenizer: unknown;
  readonly texts: readonly string[];
  /** Ids to decode besides those of the texts. */
  readonly decode?: readonly (readonly number[])[];
}

export interface Failure {
  readonly error: string;
}

/** The text of ids, with special tokens and without. */
export interface Decoded {
  readonly text: string | Failure;
  readonly plain: string | Failure;
}

export interface Encoded extends Decoded {
  readonly ids: readonly number[];
}

export interface TokenizerAnswers {
  readonly results: readonly (Encoded | Failure)[];
  readonly decoded: readonly Decoded[];
}

/**
 * Answers of Python `tokenizers`, one for each request: what it reads and decodes, or why it does not load. A request that ends
 * Python (a panic within a panic) is answered as failed, and the next ones are asked anew.
 */
export async function askTokenizers(
  requests: readonly TokenizerRequest[],
): Promise<(TokenizerAnswers | Failure)[]> {
  const python = pythonWith('tokenizers');
  if (python === undefined)
    throw new Error('Python with tokenizers is needed: see conformance/requirements.txt');
  const answers: (TokenizerAnswers | Failure)[] = [];
  while (answers.length < requests.length) {
    const { lines, failure } = await ask(python, requests.slice(answers.length));
    for (const line of lines) answers.push(JSON.parse(line) as TokenizerAnswers | Failure);
    if (failure === undefined) break;
    if (lines.length === 0 && answers.length === 0) throw new Error(failure);
    answers.push({ error: failure });
  }
  return answers;
}

async function ask(
  python: string,
  requests: readonly TokenizerRequest[],
): Promise<{ lines: string[]; failure?: string }> {
  const child = spawn(python, [join(import.meta.dirname, 'read_texts.py')], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...process.env, PYTHONDONTWRITEBYTECODE: '1', PYTHONUTF8: '1' },
  });
  const output: string[] = [];
  let errors = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => output.push(chunk));
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    errors = (errors + chunk).slice(-4000);
  });
  const ended = new Promise<number | string | null>((resolve, reject) => {
    child.once('error', reject).once('close', (status, signal) => resolve(status ?? signal));
  });
  // Where Python ends early, the rest of what is written to it has no reader.
  child.stdin.on('error', () => {});
  child.stdin.end(requests.map((request) => `${JSON.stringify(request)}\n`).join(''));
  const status = await ended;
  const lines = output.join('').split('\n').slice(0, -1);
  return status === 0
    ? { lines }
    : { lines, failure: `read_texts.py ended (${status}): ${errors.slice(-300)}` };
}
