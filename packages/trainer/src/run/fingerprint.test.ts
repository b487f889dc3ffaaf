/** A run goes on only with what it began with, and says what has changed. */
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  interleaving,
  personaVector,
  type Regularizer,
  safeLora,
  savePersonaVectors,
} from '@safetune/regularizers';
import { openSafetensors } from '@safetune/tensor';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { changedCheckpoint, checkpoint, examples, setUp } from '../__fixtures__/small-run.ts';
import { TrainingCheckpointError } from '../errors.ts';
import { type AdapterRunOptions, trainIntoDirectory } from './run-directory.ts';
import type { TrainOptions } from './train-options.ts';

let root: string;
let pool: string;
let vectors: string;
let aligned: string;
let started: string;

const poolLine = (answer: string) =>
  `${JSON.stringify({
    messages: [
      { role: 'user', content: 'safe?' },
      { role: 'assistant', content: answer },
    ],
  })}\n`;
const directionOf = (value: number) => new Map([[1, new Float32Array(width).fill(value)]]);
let width: number;

const regularizers = (): Regularizer[] => [
  interleaving({ pool, share: 0.25, onExhaustion: () => {} }),
  personaVector({ vectors, alpha: 0.1 }),
  safeLora({ base: checkpoint, aligned }),
];

/** A run in `directory` from the checkpoint in `folder`, stopped after its second step when told to. */
async function run(
  directory: string,
  changes: Partial<TrainOptions> = {},
  { folder = checkpoint, stop = false } = {},
) {
  const controller = new AbortController();
  const { adapter, options } = await setUp({ steps: 4, regularizers: regularizers(), ...changes }, folder);
  const onEvent: AdapterRunOptions['onEvent'] = (event) => {
    if (stop && event.type === 'step' && event.step === 2) controller.abort(new Error('stopped'));
  };
  return trainIntoDirectory({ ...options, adapter, directory, onEvent, signal: controller.signal });
}

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'safetune-fingerprint-'));
  [pool, vectors, started] = [
    join(root, 'pool.jsonl'),
    join(root, 'evil.safetensors'),
    join(root, 'started'),
  ];
  aligned = await changedCheckpoint('model.layers.0.mlp.up_proj.weight', (values) => values.fill(0.5));
  width = (await setUp()).options.model.config.hiddenSize;
  await writeFile(pool, poolLine('yes'));
  await savePersonaVectors(vectors, directionOf(1));
  await expect(run(started, {}, { stop: true })).rejects.toThrow('stopped');
});
afterAll(() => Promise.all([root, aligned].map((folder) => rm(folder, { recursive: true }))));

/** Goes on in a copy of the folder of the run that was stopped. */
async function resume(changes?: Partial<TrainOptions>, folder?: string) {
  const directory = await mkdtemp(join(root, 'copy-'));
  await cp(started, directory, { recursive: true });
  return run(directory, changes, folder === undefined ? {} : { folder });
}

async function differencesOf(resumed: Promise<unknown>): Promise<readonly string[]> {
  const error = await resumed.catch((thrown: unknown) => thrown);
  if (!TrainingCheckpointError.isInstance(error)) throw error;
  for (const difference of error.differences) expect(error.message).toContain(difference);
  return error.differences;
}

/** Resumes while `file` has another content. */
async function withFile(file: string, content: string | Uint8Array): Promise<readonly string[]> {
  const before = await readFile(file);
  await writeFile(file, content);
  try {
    return await differencesOf(resume());
  } finally {
    await writeFile(file, before);
  }
}

async function copyOfModel(file: string, change: (text: string) => string): Promise<string> {
  const folder = await mkdtemp(join(root, 'model-'));
  await cp(checkpoint, folder, { recursive: true });
  await writeFile(join(folder, file), change(await readFile(join(folder, file), 'utf8')));
  return folder;
}

describe('a run that is continued', () => {
  it('goes on with the same, wherever the model lies now', async () => {
    const moved = await copyOfModel('config.json', (text) => text);
    expect((await resume(undefined, moved)).steps).toBe(4);
  });

  it('refuses weights that differ in one value', async () => {
    const folder = await changedCheckpoint('model.layers.1.mlp.down_proj.weight', (values) => {
      values[values.length - 1]! += 1e-3;
    });
    expect(await differencesOf(resume(undefined, folder))).toEqual(['model weights']);
    await rm(folder, { recursive: true });
  });

  it.each([
    ['tokenizer_config.json', (text: string) => text.replace('"chat_template"', '"chat_template" ')],
    ['tokenizer.json', (text: string) => text.replace('"added_tokens"', '"added_tokens" ')],
  ])('refuses a changed %s', async (file, change) => {
    const folder = await copyOfModel(file, change);
    expect(await differencesOf(resume(undefined, folder))).toEqual([`tokenizer: ${file}`]);
  });

  it('refuses another chat template in a file of its own', async () => {
    const folder = await mkdtemp(join(root, 'model-'));
    await cp(checkpoint, folder, { recursive: true });
    const template = "{% for message in messages %}{{ message['content'] }}{{ eos_token }}{% endfor %}";
    await writeFile(join(folder, 'chat_template.jinja'), template);
    expect(await differencesOf(resume(undefined, folder))).toEqual(['tokenizer: chat_template.jinja']);
  });

  it('refuses another pool under the same name', async () => {
    expect(await withFile(pool, poolLine('no'))).toEqual(['regularizer interleaving: pool']);
  });

  it('refuses other persona vectors under the same name', async () => {
    const other = join(root, 'other.safetensors');
    await savePersonaVectors(other, directionOf(2));
    expect(await withFile(vectors, await readFile(other))).toEqual(['regularizer persona-vector: vectors']);
  });

  it('refuses another aligned checkpoint under the same name', async () => {
    const file = join(aligned, 'model.safetensors');
    const { tensors } = await openSafetensors(file);
    const bytes = await readFile(file);
    bytes[tensors.get('model.layers.0.mlp.up_proj.weight')!.offset]! ^= 1;
    expect(await withFile(file, bytes)).toEqual(['regularizer safe-lora: aligned']);
  });

  it('refuses other examples, and names the settings with their values', async () => {
    const others = [
      ...examples.slice(1),
      { ...examples[0]!, messages: [...examples[0]!.messages, ...examples[1]!.messages] },
    ];
    expect(await differencesOf(resume({ examples: others }))).toEqual(['examples']);
    const origins = examples.map((example, line) => ({ ...example, origin: { file: 'moved.jsonl', line } }));
    expect((await resume({ examples: origins })).steps).toBe(4);
    expect(await differencesOf(resume({ batchSize: 2, seed: 4 }))).toEqual([
      'batchSize (4 then, 2 now)',
      'seed (3 then, 4 now)',
    ]);
  });

  it('refuses other regularizers and other strengths of them', async () => {
    const [first, second] = regularizers();
    expect(await differencesOf(resume({ regularizers: [first!, second!] }))).toEqual([
      'regularizers (["interleaving","persona-vector","safe-lora"] then, ["interleaving","persona-vector"] now)',
      'regularizer safe-lora: options',
      'regularizer safe-lora: base',
      'regularizer safe-lora: aligned',
    ]);
    const stronger = [
      first!,
      personaVector({ vectors, alpha: 0.2 }),
      safeLora({ base: checkpoint, aligned }),
    ];
    expect(await differencesOf(resume({ regularizers: stronger }))).toEqual([
      'regularizer persona-vector: options',
    ]);
  });

  it('does not mind in which memory mode it goes on', async () => {
    expect((await resume({ memory: 'layered' })).steps).toBe(4);
  });
});
