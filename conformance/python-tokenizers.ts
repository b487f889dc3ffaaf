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

/** Answers of Python `tokenizers`, one for each request: what it reads and decodes, or why it does not load. */
export async function askTokenizers(requests: readonly TokenizerRequest[]): Promise<(TokenizerAnswers | Failure)[]> {
  const python = pythonWith('tokenizers');
  if (python === undefined) throw new Error('Python with tokenizers is needed: see conformance/requirements.txt');
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
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject).once('close', resolve);
  });
  child.stdin.end(requests.map((request) => `${JSON.stringify(request)}\n`).join(''));
  const status = await ended;
  if (status !== 0) throw new Error(`read_texts.py failed (${status ?? 'killed'}):\n${errors}`);
  return output
    .join('')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as TokenizerAnswers | Failure);
}
