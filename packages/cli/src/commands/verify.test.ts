/** A run is written down beside its adapter, repeats from there to the bit, and is verified. */
import { existsSync } from 'node:fs';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { runCli, startCli } from '../__fixtures__/run-cli.ts';
import { trainCommand } from './train.ts';
import { verifyCommand } from './verify.ts';

const model = fileURLToPath(
  new URL('../../../../conformance/goldens/checkpoints/qwen2-tied-bfloat16', import.meta.url),
);

const chat = (word: string) =>
  JSON.stringify({
    messages: [
      { role: 'user', content: `Say ${word}.` },
      { role: 'assistant', content: `${word}!` },
    ],
  });
const chats = ['one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight'].map(chat);

/** Relative to the folder of the file. */
const runFile = `# Why this run is made.
model: MODEL # a small one
data: chats.jsonl
out: made
regularizers:
  # Stay near the model.
  - type: kl
    weight: 0.1 # a tenth
adapter:
  r: 4
steps: 6
batch_size: 2
learning_rate: 1e-2
`;

let root: string;
let made: string;
let file: string;

/** A folder with data and a run file of its own. */
async function folderWith(name: string, text = runFile): Promise<string> {
  const folder = await mkdtemp(join(root, `${name}-`));
  await writeFile(join(folder, 'chats.jsonl'), `${chats.join('\n')}\n`);
  await writeFile(join(folder, 'mine.yaml'), text.replace('MODEL', relative(folder, model)));
  return folder;
}

const results = ['adapter_model.safetensors', 'adapter_config.json', 'run.yaml'];
const bytes = (folder: string) => Promise.all(results.map((name) => readFile(join(folder, name), 'base64')));

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'safetune-verify-test-'));
  const folder = await folderWith('run');
  file = join(folder, 'made', 'run.yaml');
  made = join(folder, 'made');
  await trainCommand.run(['--config', join(folder, 'mine.yaml')]);
});
afterAll(() => rm(root, { recursive: true, force: true }));

describe('the run file beside an adapter', () => {
  it("keeps the user's comments and values, and adds what was not given", async () => {
    const text = await readFile(file, 'utf8');
    expect(text).toContain('# Why this run is made.\n');
    expect(text).toContain(' # a small one\n');
    expect(text).toContain('  # Stay near the model.\n  - type: kl\n    weight: 0.1 # a tenth\n');
    expect(text).toContain('\ndata: ../chats.jsonl\nout: .\n');
    expect(text).toContain('\nlearning_rate: 1e-2\n');
    expect(text).toContain('\nschedule: linear\n');
    expect(text.indexOf('# What follows was not given')).toBeGreaterThan(text.indexOf('learning_rate'));
    expect(text.indexOf('record:')).toBeGreaterThan(text.indexOf('schedule'));
    for (const name of ['safetune', '"@safetune/eval"', '"@safetune/hub"', '"@safetune/trainer"'])
      expect(text).toMatch(new RegExp(`^ {4}${name}: \\d+\\.\\d+\\.\\d+`, 'm'));
  });

  it('repeats the run into another folder to the bit, and itself', async () => {
    const out = join(root, 'deeper', 'repeated');
    const { code, stderr } = await runCli('train', '--config', file, '--out', out);
    expect(code, stderr).toBe(0);
    expect(stderr).not.toContain('not the one');
    const [adapter, config] = await bytes(out);
    expect([adapter, config]).toEqual((await bytes(made)).slice(0, 2));
    // Paths are of the folder where the file lies.
    const data = (text: string) =>
      text.replaceAll(/\S*chats\.jsonl/g, 'DATA').replaceAll(/^model: \S+/gm, '');
    expect(data(await readFile(join(out, 'run.yaml'), 'utf8'))).toBe(data(await readFile(file, 'utf8')));

    const beside = join(made, '..', 'beside');
    await trainCommand.run(['--config', file, '--out', beside]);
    expect(await bytes(beside)).toEqual(await bytes(made));
  });

  it('tells what was asked for besides, and that it is another run', async () => {
    const out = join(root, 'seeded');
    const { code, stderr } = await runCli('train', '--config', file, '--out', out, '--seed', '5');
    expect(code, stderr).toBe(0);
    expect(stderr).toMatch(/this run is not the one that \S+run\.yaml records: .*seed \(0 then, 5 now\)/);
    const [adapter] = await bytes(out);
    expect(adapter).not.toBe((await bytes(made))[0]);
    const text = await readFile(join(out, 'run.yaml'), 'utf8');
    expect(text).toContain('\nseed: 5\n');
    expect(text).toContain('    seed: "5"\n');
  });

  it('goes on with a run that was killed, to the bytes of one that was not', {
    timeout: 120_000,
  }, async () => {
    const long = runFile.replace('steps: 6', 'steps: 200\ncheckpoint_every: 1\nthreads: 1');
    const folder = await folderWith('killed', long);
    const out = join(folder, 'made');
    const killed = startCli(['train', '--config', join(folder, 'mine.yaml')]);
    await vi.waitUntil(() => existsSync(join(out, 'checkpoint.safetensors')), {
      timeout: 60_000,
      interval: 5,
    });
    killed.child.kill('SIGKILL');
    expect((await killed.ended).signal).toBe('SIGKILL');
    const { code, stderr } = await runCli('train', '--config', join(out, 'run.yaml'));
    expect(code, stderr).toBe(0);
    expect(stderr).toMatch(/going on after step [1-9]/);
    const through = join(folder, 'through');
    await trainCommand.run(['--config', join(folder, 'mine.yaml'), '--out', through]);
    expect(await bytes(out)).toEqual(await bytes(through));
  });

  it('is refused with its line and the option that may be meant', async () => {
    const folder = await folderWith('unknown', runFile.replace('batch_size', 'batchsize'));
    const misspelt = join(folder, 'mine.yaml');
    await expect(trainCommand.run(['--config', misspelt])).rejects.toThrow(
      new RegExp(`${misspelt}:12: .*'?batchsize'?.*batch_size`),
    );
  });

  it("does not take the place of a user's own file", async () => {
    const folder = await folderWith('own', runFile.replace('out: made', 'out: .'));
    const own = join(folder, 'run.yaml');
    await cp(join(folder, 'mine.yaml'), own);
    await expect(trainCommand.run(['--config', own])).rejects.toThrow('would be written over');
    expect(await readFile(own, 'utf8')).toContain('out: .\n');
  });
});

describe('safetune verify', () => {
  it('says that a run is what its folder says, and leaves the folder as it is', async () => {
    const before = await bytes(made);
    const { code, stdout, stderr } = await runCli('verify', made, '--steps', '6');
    expect(code, stderr).toBe(0);
    expect(stdout).toBe(
      `${made}: 6 steps again are as they were, to the last digit; its adapter too, byte for byte\n`,
    );
    expect(await bytes(made)).toEqual(before);
    expect((await runCli('verify', made, '--steps', '4')).stdout).toBe(
      `${made}: 4 steps again are as they were, to the last digit\n`,
    );
  });

  it('begins with a kept state, and goes to the end with the same bytes', async () => {
    const folder = await folderWith('kept', `${runFile}checkpoint_every: 2\nkeep_checkpoints: 2\n`);
    const out = join(folder, 'made');
    await trainCommand.run(['--config', join(folder, 'mine.yaml')]);
    const { code, stdout, stderr } = await runCli('verify', out, '--from-step', '2', '--steps', 'all');
    expect(code, stderr).toBe(0);
    expect(stdout).toBe(
      `${out}: 4 steps (3 to 6) again are as they were, to the last digit; its adapter too, byte for byte\n`,
    );
    expect((await runCli('verify', out, '--from-step', '4', '--steps', '1')).stdout).toContain(
      '1 steps (5 to 5)',
    );
    await expect(verifyCommand.run([out, '--from-step', '3'])).rejects.toThrow(
      'no state of the run after 3 steps is kept; there are those after 2, 4 steps',
    );
    await expect(verifyCommand.run([made, '--from-step', '3'])).rejects.toThrow(
      'none was kept (keep_checkpoints)',
    );
    // The state of another step, and one that is cut short.
    const state = (step: number) => join(out, `checkpoint-${step}`, 'checkpoint.safetensors');
    await rm(state(4));
    await cp(state(2), state(4));
    await expect(verifyCommand.run([out, '--from-step', '4'])).rejects.toThrow(
      `${state(4)}: cannot be replayed from: it is the state after 2 steps, not 4`,
    );
    await rm(state(4));
    await writeFile(state(4), (await readFile(state(2))).subarray(0, -8));
    await expect(verifyCommand.run([out, '--from-step', '4'])).rejects.toThrow(
      `${state(4)}: cannot be replayed from: `,
    );
  });

  it('tells how an adapter differs from what the run gives', async () => {
    const forged = join(made, '..', 'forged');
    await cp(made, forged, { recursive: true });
    const weights = join(forged, 'adapter_model.safetensors');
    const content = await readFile(weights);
    // The last value of the last tensor.
    content.writeFloatLE(content.readFloatLE(content.length - 4) + 0.5, content.length - 4);
    await writeFile(weights, content);
    await writeFile(
      join(forged, 'adapter_config.json'),
      (await readFile(join(forged, 'adapter_config.json'), 'utf8')).replace('"r": 4', '"r": 5'),
    );
    const { code, stdout, stderr } = await runCli('verify', forged, '--steps', 'all');
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toMatch(
      /again: adapter_config\.json: r; adapter_model\.safetensors: 1 of [\d,]+ values differ, at most by 0\.500 \(in base_model\.\S+\), all together by 0\.0\d+ of their norm \(tolerance 0\)/,
    );
    // Rounding on another machine may move values, but not the configuration.
    await expect(verifyCommand.run([forged, '--steps', 'all', '--tolerance', '0.5'])).rejects.toThrow(
      'json: r;',
    );
    await cp(join(made, 'adapter_config.json'), join(forged, 'adapter_config.json'));
    const near = await runCli('verify', forged, '--steps', 'all', '--tolerance', '0.5');
    expect(near.stdout).toMatch(
      /within 0\.5 of each metric; its adapter is near: adapter_model\.safetensors: 1 of /,
    );
    await expect(verifyCommand.run([forged, '--steps', 'all', '--tolerance', '1e-3'])).rejects.toThrow(
      '1 of ',
    );
    // Of the first steps alone nothing is known of it.
    await expect(verifyCommand.run([forged, '--steps', '2'])).resolves.toBeUndefined();
    await writeFile(weights, 'no adapter');
    await expect(verifyCommand.run([forged, '--steps', 'all'])).rejects.toThrow('adapter_model.safetensors');
  });

  it('fails at a metric that is not what the run gives, naming step and values', async () => {
    const falsified = join(made, '..', 'falsified');
    await cp(made, falsified, { recursive: true });
    const metrics = join(falsified, 'metrics.jsonl');
    const lines = (await readFile(metrics, 'utf8')).split('\n');
    const { loss } = JSON.parse(lines[1]!) as { loss: number };
    lines[1] = lines[1]!.replace(`"loss":${loss}`, '"loss":1.5');
    await writeFile(metrics, lines.join('\n'));
    const { code, stdout, stderr } = await runCli('verify', falsified);
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toContain(`step 2 loss 1.5 then, ${loss} now (tolerance 0)`);
    await expect(verifyCommand.run([falsified, '--steps', '1'])).resolves.toBeUndefined();
  });

  it('and train refuse data that has changed, by its name', async () => {
    const folder = await folderWith('changed');
    await trainCommand.run(['--config', join(folder, 'mine.yaml')]);
    const [data, out] = [join(folder, 'chats.jsonl'), join(folder, 'made')];
    await writeFile(data, `${[...chats.slice(1), chat('nine')].join('\n')}\n`);
    const again = ['--config', join(out, 'run.yaml'), '--out', join(folder, 'again')];
    for (const running of [() => trainCommand.run(again), () => verifyCommand.run([out])]) {
      await expect(running()).rejects.toThrow(
        new RegExp(
          `run\\.yaml cannot be repeated; changed since it was written: data file ${relative('.', data)}`,
        ),
      );
    }
    const { code, stderr } = await runCli('train', ...again, '--allow-changed');
    expect(code, stderr).toBe(0);
    expect(stderr).toContain('not the one that');
  });

  it('refuses a folder without a run', async () => {
    const folder = await folderWith('none');
    await expect(verifyCommand.run([folder])).rejects.toThrow(`${join(folder, 'run.yaml')}`);
    await cp(join(folder, 'mine.yaml'), join(folder, 'run.yaml'));
    await expect(verifyCommand.run([folder])).rejects.toThrow('is no record of a run');
  });
});
