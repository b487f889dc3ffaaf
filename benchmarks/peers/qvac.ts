/**
 * LoRA steps of @qvac/llm-llamacpp, on a Q8_0 GGUF file of the checkpoint. It takes 670 MB and a runtime of its own, so it is no
 * dependency: `npm install @qvac/llm-llamacpp@0.53.0 bare` in a folder, whose path QVAC_FOLDER gives.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { writeGgufModel } from '@safetune/models';
import type { TrainStepSettings } from '../programs/compile-step.ts';
import { print, settings, unavailable } from '../programs/lines.ts';

const { directory, tokens, rank, threads, warmUp, steps } = settings<TrainStepSettings>();
const folder = process.env.QVAC_FOLDER ?? unavailable('QVAC_FOLDER does not say where @qvac/llm-llamacpp is');
const gguf = join(directory, '..', 'converted', 'gemma-3-270m-q8_0.gguf');
if (!existsSync(gguf)) await writeGgufModel(directory, gguf, { type: 'q8_0' });

const work = await mkdtemp(join(tmpdir(), 'qvac-'));
const data = join(work, 'data.txt');
// More than a token a word: enough for as many windows as there are steps, and one more.
await writeFile(
  data,
  'A river carries stones from the mountains to the sea. '.repeat(
    Math.ceil(((warmUp + steps + 1) * tokens) / 10),
  ),
);
const given = {
  package: join(folder, 'node_modules/@qvac/llm-llamacpp'),
  model: gguf,
  data,
  output: work,
  tokens,
  rank,
  threads,
};
const child = spawn(
  join(folder, 'node_modules/.bin/bare'),
  [join(import.meta.dirname, 'qvac-in-bare.js'), JSON.stringify(given)],
  { stdio: ['ignore', 'pipe', 'inherit'] },
);

let [before, cpuBefore, seen] = [0, 0, -warmUp];
for await (const line of createInterface({ input: child.stdout })) {
  if (!line.startsWith('{')) continue;
  const { loss } = JSON.parse(line) as { readonly loss?: number };
  const [now, { cpuSeconds, peakBytes }] = [performance.now(), await usage(child.pid!)];
  if (loss === undefined) print({ type: 'ready', seconds: now / 1000 });
  else if (seen++ >= 0) {
    print({
      type: 'step',
      seconds: (now - before) / 1000,
      cpuSeconds: cpuSeconds - cpuBefore,
      peakBytes,
      loss,
    });
  }
  [before, cpuBefore] = [now, cpuSeconds];
  if (seen === steps) break;
}
child.kill('SIGKILL');
await rm(work, { recursive: true, force: true });

/** What Linux counted for a process. */
async function usage(pid: number): Promise<{ cpuSeconds: number; peakBytes: number }> {
  const [stat, status] = await Promise.all(
    ['stat', 'status'].map((name) => readFile(`/proc/${pid}/${name}`, 'utf8')),
  );
  const fields = stat!.slice(stat!.lastIndexOf(')') + 2).split(' ');
  const ticks = Number(fields[11]) + Number(fields[12]);
  return { cpuSeconds: ticks / 100, peakBytes: Number(/VmHWM:\s+(\d+)/.exec(status!)![1]) * 1024 };
}
