import { spawn } from 'node:child_process';
import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { expect, it, onTestFinished } from 'vitest';
import { checkpoints, temporaryFolder } from './__fixtures__/tiny-models.ts';
import { openModelProcess } from './model-process.ts';

/** A tiny model with so many positions that an answer would go on for minutes. */
async function talkativeModel(): Promise<string> {
  const folder = join(await temporaryFolder(), 'model');
  await cp(checkpoints.llama, folder, { recursive: true });
  for (const [name, changes] of [
    ['config.json', { max_position_embeddings: 100_000, eos_token_id: 599 }],
    ['generation_config.json', { eos_token_id: 599 }],
  ] as const) {
    const file = join(folder, name);
    const fields = JSON.parse(await readFile(file, 'utf8')) as object;
    await writeFile(file, JSON.stringify({ ...fields, ...changes }));
  }
  return folder;
}

const question = {
  messages: [{ role: 'user', content: 'Hello' }],
  maxTokens: 80_000,
  temperature: 0,
  topP: 1,
  seed: 0,
  stop: [],
};

it('ends the generation of an answer that is left, and answers the next question', async () => {
  const model = await openModelProcess({
    path: await talkativeModel(),
    precision: 'float32',
    contextTokens: 90_000,
    threads: 1,
  });
  onTestFinished(() => model.close());
  const first = model.answer(question);
  await first.pieces.next();
  first.leave();
  await first.over;
  expect(model.isAlive).toBe(true);
  const next = model.answer({ ...question, maxTokens: 1 });
  await next.over;
  await first.pieces.return(undefined as never);
  await model.close();
  expect(model.isAlive).toBe(false);
  expect(() => process.kill(model.processId, 0)).toThrow('ESRCH');
});

it('ends with the service, also when that is killed', async () => {
  const program = fileURLToPath(new URL('__fixtures__/serving-program.ts', import.meta.url));
  const service = spawn(process.execPath, ['--conditions=safetune-source', program, await talkativeModel()], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const processId = await new Promise<number>((resolve) => {
    service.stdout.once('data', (line: Buffer) => resolve(Number(line.toString())));
  });
  expect(process.kill(processId, 0)).toBe(true);
  // What a terminal tells all processes does not end a model in the middle of an answer.
  process.kill(processId, 'SIGINT');
  process.kill(processId, 'SIGTERM');
  await setTimeout(200);
  expect(process.kill(processId, 0)).toBe(true);
  service.kill('SIGKILL');
  await expect.poll(() => isThere(processId), { timeout: 30_000 }).toBe(false);
});

function isThere(processId: number): boolean {
  try {
    return process.kill(processId, 0);
  } catch {
    return false;
  }
}
