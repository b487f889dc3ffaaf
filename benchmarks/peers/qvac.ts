/**
 * The training step of `programs/train-step.ts` by @qvac/llm-llamacpp, the other trainer of LoRA in JavaScript: llama.cpp on a
 * GGUF file, in a runtime of its own. With both it takes 670 MB, so it is no dependency; once, in the workspace's root:
 *
 *     npm install --prefix benchmarks/.cache/qvac @qvac/llm-llamacpp@0.53.0 bare@1.31.2
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { createInterface } from 'node:readline';
import { writeGgufModel } from '@safetune/models';
import { type Line, print, type Repetitions, settings, unavailable } from '../programs/lines.ts';

interface QvacSettings extends Repetitions {
  /** Checkpoint folder of a family that it trains: Gemma 3 is one, Llama is not. */
  readonly directory: string;
  readonly cacheDirectory: string;
  readonly tokens: number;
  readonly rank: number;
  readonly threads: number;
  /** How the GGUF file holds the frozen matrices. */
  readonly precision: 'f16' | 'q8_0';
}

const { directory, cacheDirectory, precision, ...given } = settings<QvacSettings>();
const modules = join(cacheDirectory, 'qvac', 'node_modules');
if (!existsSync(join(modules, '@qvac'))) {
  unavailable(
    'npm install --prefix benchmarks/.cache/qvac @qvac/llm-llamacpp@0.53.0 bare@1.31.2 was not run',
  );
}
// Not its command `bare`, which is one process more, and does not end the other with itself.
const bare = (createRequire(join(modules, 'bare'))('bare-runtime') as () => string)();

const gguf = join(cacheDirectory, `${basename(directory)}-${precision}.gguf`);
await mkdir(cacheDirectory, { recursive: true });
if (!existsSync(gguf)) await writeGgufModel(directory, gguf, { type: precision });

const work = await mkdtemp(join(tmpdir(), 'qvac-'));
const text = join(work, 'text.txt');
await writeFile(text, await prose());
const told = JSON.stringify({ ...given, modules, gguf, text, work });
const child = spawn(bare, [join(import.meta.dirname, 'qvac_training.cjs'), told], {
  stdio: ['ignore', 'pipe', 'inherit'],
});
let measured = 0;
for await (const said of createInterface({ input: child.stdout })) {
  if (!said.startsWith('{')) continue;
  const line = JSON.parse(said) as Line | { readonly type: 'ended'; readonly reason: string };
  if (line.type === 'ended') {
    console.error(line.reason);
    break;
  }
  print(line);
  if (line.type === 'step' && ++measured === given.steps) break;
}
child.kill('SIGKILL');
await rm(work, { recursive: true, force: true });
process.exitCode = measured === given.steps ? 0 : 1;

/** Text for more steps than are taken: a token of English has some four letters, and here eight are given for each. */
async function prose(): Promise<string> {
  const corpus = await readFile(join(import.meta.dirname, '../../conformance/corpus.txt'), 'utf8');
  const wanted = 8 * given.tokens * (given.warmUp + given.steps + 1);
  return corpus.repeat(Math.ceil(wanted / corpus.length));
}
