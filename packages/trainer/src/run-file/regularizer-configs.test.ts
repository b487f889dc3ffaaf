import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { regularizerFromConfig } from '@safetune/regularizers';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { readRun } from './read-run.ts';
import { regularizerConfigOf } from './regularizer-configs.ts';
import { withPaths } from './run-paths.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'safetune-modules-'));
  await mkdir(join(folder, 'mine'));
  await writeFile(
    join(folder, 'mine/shrink.mjs'),
    `const schema = { shape: { perStep: 1, file: 1 }, safeParse: (data) => ({ success: true, data }) };
    const create = ({ perStep = 0.5 }) => ({ name: 'shrink', config: { type: 'shrink', perStep }, afterStep() {} });
    export default { schema, strength: 'perStep', paths: ['file'], create };`,
  );
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const fileWith = async (regularizers: string) => {
  const file = join(folder, 'run.yaml');
  await writeFile(file, `model: ./model\ndata: chats.jsonl\nregularizers:\n${regularizers}\n`);
  return file;
};

it('a module in a run file is of its folder, as are the files of its options, which are in snake_case', async () => {
  const file = await fileWith('  - { type: mine/shrink.mjs, per_step: 0.25, file: a.txt, name: mine }');
  const { run } = await readRun({ file });
  const inFolder = (path: string) => join(relative('.', folder), path);
  const type = inFolder('mine/shrink.mjs');
  expect(run.regularizers).toEqual([{ type, per_step: 0.25, file: inFolder('a.txt'), name: 'mine' }]);
  const config = regularizerConfigOf(run.regularizers[0]!);
  expect(config).toEqual({ type, perStep: 0.25, file: inFolder('a.txt'), name: 'mine' });
  expect(regularizerFromConfig(config)).toMatchObject({ name: 'mine', config: { perStep: 0.25 } });
  const back = withPaths(run, (path) => relative(folder, path));
  expect(back.regularizers).toEqual([
    { type: 'mine/shrink.mjs', per_step: 0.25, file: 'a.txt', name: 'mine' },
  ]);
});

it('the folder of a reference is of the folder of the file', async () => {
  const file = await fileWith('  - { type: kl, reference: { adapter: ./safe } }');
  const { run } = await readRun({ file });
  const reference = { adapter: join(relative('.', folder), 'safe') };
  expect(run.regularizers).toEqual([{ type: 'kl', reference }]);
  expect(regularizerFromConfig(regularizerConfigOf(run.regularizers[0]!)).needs).toEqual({
    referenceLogits: true,
    reference,
    rows: 'response',
  });
});

it("layers' numbers are keys, quoted or not", async () => {
  const config = {
    type: 'caft',
    directions: {
      1: [
        [1, 0, 0],
        [0, 1, 0],
      ],
      16: [[0, 0, 1]],
    },
    components: { 1: [1], 16: [0] },
  };
  const quoted = JSON.stringify(config);
  for (const written of [quoted, quoted.replaceAll(/"(\d+)":/g, '$1: ')]) {
    const { run } = await readRun({ file: await fileWith(`  - ${written}`) });
    expect(regularizerConfigOf(run.regularizers[0]!)).toEqual(config);
  }
});

it.each([
  ['  - { type: caft, components: { 1: [0], "1": [2] } }', /run.yaml:4: '1' is there twice/],
  ['  - { type: caft, components: { 1.5: [0] } }', /run.yaml:4: a key must be the name of an option/],
  ['  - { type: mine/gone.ts }', /run.yaml:4.*mine\/gone.ts: there is no such module/],
  ['  - { type: mine/shrink.mjs, per_stap: 1 }', /run.yaml:4.*there is no option 'per_stap'/],
  ['  - { type: klx }', /must be one of kl, .* or the path of a module/],
  ['  - { type: kl, wieght: 1 }', /run.yaml:4.*there is no option 'wieght'. Did you mean 'weight'/],
  [
    '  - { type: kl, reference: { folder: ./safe } }',
    /run.yaml:4.*reference must be 'base', \{adapter: folder\} or \{checkpoint: folder\}/,
  ],
  ['  - { type: kl, weight: heavy }', /run.yaml:4.*weight 'heavy' must be a number/],
])('%s is refused with its line', async (regularizers, message) => {
  await expect(readRun({ file: await fileWith(regularizers) })).rejects.toThrow(message);
});

it('a path that could be a name on the hub stays one only where no such file is there', () => {
  const inFolder = relative('.', folder);
  const run = {
    model: 'mine/model',
    data: `${inFolder}/run.yaml`,
    regularizers: [{ type: 'interleaving', pool: 'mine/pool' }],
  };
  const changed = (path: string) => join('..', path);
  const openable = (path: string) => (path === 'mine/pool' ? join(folder, 'run.yaml') : path);
  expect(withPaths(run, changed, openable)).toEqual({
    model: 'mine/model',
    data: join('..', inFolder, 'run.yaml'),
    regularizers: [{ type: 'interleaving', pool: '../mine/pool' }],
  });
});

it('a module of the file is not run where other safeguards are given', async () => {
  const file = await fileWith('  - { type: mine/gone.ts }');
  const given = [{ path: ['regularizers'], value: [{ type: 'kl' }], name: '--regularizer' }];
  expect((await readRun({ file, given })).run.regularizers).toEqual([{ type: 'kl' }]);
});
