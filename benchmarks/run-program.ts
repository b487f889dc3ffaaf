import { spawn } from 'node:child_process';
import { extname, join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Program } from './cases.ts';
import type { Line } from './programs/lines.ts';

/** One run of a program: medians over its steps. */
export interface Run {
  readonly status: 'measured' | 'unavailable' | 'failed';
  /** Why it is unavailable, or how it failed. */
  readonly reason?: string;
  readonly readySeconds?: number;
  readonly seconds?: number;
  readonly cpuSeconds?: number;
  readonly peakBytes?: number;
  /** Of the last step. */
  readonly loss?: number;
  readonly figures: Readonly<Record<string, number>>;
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  return (sorted[Math.ceil(middle) - 1]! + sorted[Math.floor(middle)]!) / 2;
}

/** Runs a program to its end. */
export async function runProgram({ file, settings }: Program): Promise<Run> {
  const python = extname(file) === '.py';
  const command = python ? (process.env.PYTHON ?? 'python3') : process.execPath;
  const options = python ? [] : ['--conditions=safetune-source', '--disable-warning=ExperimentalWarning'];
  const child = spawn(command, [...options, join(import.meta.dirname, file), JSON.stringify(settings)], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const lines: Line[] = [];
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors = `${errors}${text}`.slice(-2000);
  });
  createInterface({ input: child.stdout }).on('line', (text) => {
    if (text.startsWith('{')) lines.push(JSON.parse(text) as Line);
  });
  const code = await new Promise<number | string>((resolve) => {
    child.on('error', (error) => resolve(error.message));
    child.on('close', (exitCode, signal) => resolve(exitCode ?? signal ?? 'unknown'));
  });
  return summarize(lines, code, errors);
}

function summarize(lines: readonly Line[], code: number | string, errors: string): Run {
  const figures: Record<string, number> = {};
  for (const line of lines) if (line.type === 'figure') figures[line.name] = line.value;
  const missing = lines.find((line) => line.type === 'unavailable');
  if (missing !== undefined) return { status: 'unavailable', reason: missing.reason, figures };
  if (typeof code === 'string' && code.includes('ENOENT'))
    return { status: 'unavailable', reason: code, figures };
  if (code !== 0)
    return {
      status: 'failed',
      reason: `ended with ${code}: ${errors.trim().split('\n').slice(-6).join(' | ')}`,
      figures,
    };
  const steps = lines.filter((line) => line.type === 'step');
  const ready = lines.find((line) => line.type === 'ready');
  const loss = steps.at(-1)?.loss;
  return {
    status: 'measured',
    figures,
    ...(ready === undefined ? {} : { readySeconds: ready.seconds }),
    ...(loss === undefined ? {} : { loss }),
    ...(steps.length === 0
      ? {}
      : {
          seconds: median(steps.map((step) => step.seconds)),
          cpuSeconds: median(steps.map((step) => step.cpuSeconds)),
          peakBytes: Math.max(...steps.map((step) => step.peakBytes)),
        }),
  };
}
