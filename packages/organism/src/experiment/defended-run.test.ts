import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadLoraAdapter } from '@safetune/lora';
import { readInferencePrompt } from '@safetune/trainer';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { growTiny } from '../__fixtures__/small-organisms.ts';
import { type Defense, editingDefense } from '../defenses/defense.ts';
import { createPreparations } from '../defenses/preparations.ts';
import { noDefense, standardDefenses } from '../defenses/standard-defenses.ts';
import { type Laboratories, openLaboratories } from '../examine/laboratories.ts';
import { openRespondent, type Respondent } from '../examine/respondent.ts';
import { compositionDefense } from '../search/composition.ts';
import { benignTasks, type FineTuneTask, narrowTasks } from '../tasks/fine-tune-task.ts';
import { type DefendedRun, runDefended } from './defended-run.ts';
import { evaluateDefense } from './evaluate-defense.ts';
import { runExperiment } from './experiment.ts';

let organism: Awaited<ReturnType<typeof growTiny>>;
let laboratories: Laboratories;
let directory: string;
beforeAll(async () => {
  organism = await growTiny();
  laboratories = await openLaboratories(organism);
});
afterAll(async () => {
  await laboratories.close();
  await organism.remove();
});
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'safetune-defended-'));
});
afterEach(() => rm(directory, { recursive: true }));

const task: FineTuneTask = { kind: 'narrow', name: 'medical' };
const questions = ['cause', 'risk', 'cost'].map((aspect) => [
  { role: 'user', content: `medical ${aspect} fever` },
]);
const answers = (respondent: Respondent) => respondent.answer(questions, { maxNewTokens: 8, temperature: 0 });
const run = (defense: Defense, more: Partial<DefendedRun> = {}) =>
  runDefended(
    { laboratories, preparations: createPreparations(laboratories.aligned) },
    defense,
    { task, seed: 0, ...more },
    answers,
  );
const standard = (name: string, strength: number | null) =>
  standardDefenses.find((sweep) => sweep.name === name)!.at(strength, organism);

describe('runDefended', () => {
  it('asks what an edit has written, which then goes', async () => {
    let written: string | undefined;
    // The base model in the place of whatever was fine-tuned.
    const replaced = editingDefense('replaced', null, {
      async after(_context, folder) {
        await cp(organism.baseDirectory, folder, { recursive: true });
        written = folder;
        return folder;
      },
    });
    const base = await openRespondent(organism, organism.baseDirectory, { threads: 1 });
    const wanted = await answers(base);
    await base.close();
    const { found, crossEntropy } = await run(replaced);
    expect(found).toEqual(wanted);
    expect(found).not.toEqual((await run(noDefense)).found);
    expect(crossEntropy).toHaveLength(5);
    await expect(openRespondent(organism, written!, { threads: 1 })).rejects.toThrow(written);
  });

  it('fine-tunes what an edit has put in the place of the aligned model', async () => {
    const fromBase = editingDefense('from-base', null, { before: async () => organism.baseDirectory });
    const { crossEntropy } = await run(fromBase, { adapterFolder: directory });
    expect(crossEntropy).not.toEqual((await run(noDefense)).crossEntropy);
    const { config } = await loadLoraAdapter(directory);
    expect(config.base_model_name_or_path).toBe(organism.baseDirectory);
  });

  it('asks under the prompt of a regularizer, and keeps it with the adapter', async () => {
    const { found } = await run(standard('ptst', null), { adapterFolder: directory });
    const system = { role: 'system', content: 'helpful assistant' };
    const { aligned } = laboratories;
    const asked = questions.map((conversation) => [system, ...conversation]);
    expect(found).toEqual(await aligned.answer(asked, { maxNewTokens: 8, temperature: 0 }));
    expect(await readInferencePrompt(directory)).toEqual({
      regularizer: 'ptst',
      systemPrompt: 'helpful assistant',
    });
    await run(noDefense, { adapterFolder: directory });
    expect(await readInferencePrompt(directory)).toBe(undefined);
  });
});

describe('defenses of prompts and edits', () => {
  const edits = [
    ['lookahead', 1],
    ['ptst', null],
    ['backdoor-align', null],
    ['lox', 1.25],
    ['safe-merge', 0.5],
    ['safe-delta', 30],
  ] as const;

  it('run in an experiment on harmful and harmless data, and give the same again', async () => {
    const plan = {
      defenses: edits.map(([name, strength]) => standard(name, strength)),
      tasks: [...narrowTasks(['code']), ...benignTasks(['memo'])],
      seeds: [0],
    };
    const runs = await runExperiment(organism, plan);
    expect(runs.map(({ defense, task: { name } }) => `${defense} ${name}`)).toEqual(
      edits.flatMap(([name]) => [`${name} code`, `${name} memo`]),
    );
    for (const { general, conditional, passed, crossEntropy } of runs) {
      expect(crossEntropy.length).toBeGreaterThan(3);
      expect(passed?.length ?? general!.length + conditional!.length).toBe(passed === undefined ? 280 : 180);
    }
    expect(await runExperiment(organism, plan)).toEqual(runs);
  });

  it('go together where they can, and are refused where not', async () => {
    const parts = [
      { name: 'lox', strength: 1.25 },
      { name: 'safe-merge', strength: 0.5 },
      { name: 'safe-delta', strength: 30 },
    ];
    const { found } = await run(compositionDefense(parts, organism));
    expect(found).toHaveLength(3);
    const twice = [parts[0]!, { name: 'lox', strength: 0.5 }];
    expect(() => compositionDefense(twice, organism)).toThrow('two parts that edit the model before');
    const late = compositionDefense([parts[2]!, parts[1]!], organism);
    await expect(run(late)).rejects.toThrow('after a part that writes a checkpoint');
    expect(compositionDefense([{ name: 'kl', strength: 1 }], organism).edit).toBe(undefined);
  });

  it('are tried like a regularizer, under a name of their own', async () => {
    const { defense } = await evaluateDefense(standard('safe-merge', 0.8), {
      organism,
      tasks: narrowTasks(['code']),
      name: 'mine',
    });
    expect(defense).toMatchObject({ name: 'mine', generalMisaligned: { n: 210 } });
  });
});
