/** What is easily mistyped is refused before anything is read or written. */
import { spawnSync } from 'node:child_process';
import { globSync } from 'node:fs';
import { link, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { replacing, runCli } from './__fixtures__/run-cli.ts';

const golden = (path: string) =>
  fileURLToPath(new URL(`../../../conformance/goldens/${path}`, import.meta.url));
const model = golden('checkpoints/qwen2-tied-bfloat16');
const adapter = golden('safe-lora/adapter');
const aligned = golden('safe-lora/aligned');

let directory: string;
const at = (name: string) => join(directory, name);
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'safetune-misuse-'));
  const messages = [
    { role: 'user', content: 'Hi' },
    { role: 'assistant', content: 'Hello' },
  ];
  await writeFile(at('chats.jsonl'), `${JSON.stringify({ messages })}\n`.repeat(4));
  await writeFile(at('empty.yaml'), '');
  await writeFile(at('none.yaml'), '[]\n');
  await writeFile(at('wrong.yaml'), '- {type: kl, wieght: 0.1}\n');
  await writeFile(at('text.yaml'), '- {type: kl, weight: lots}\n');
  await writeFile(at('untyped.yaml'), '- {weight: 0.1}\n');
  await writeFile(at('camel.yaml'), '- {type: kl, onlyTagged: safe}\n');
});
afterAll(() => rm(directory, { recursive: true, force: true }));

const train = (out: string, ...extra: string[]) => {
  const data = ['--data', at('chats.jsonl'), '--steps', '1', '--rank', '2'];
  return runCli(...replacing('train', '--model', model, ...data, '--out', at(out)), ...extra);
};

async function expectRefusal(result: ReturnType<typeof runCli>, ...messages: string[]): Promise<void> {
  const { code, stdout, stderr } = await result;
  for (const message of messages) expect(stderr).toContain(message);
  expect(stderr.trim().split('\n')).toHaveLength(1);
  expect([code, stdout]).toEqual([1, '']);
}

describe('safeguards', () => {
  it.each([
    [['--regularizer', ''], '--regularizer needs a value'],
    [['--regularizer='], '--regularizer needs a value'],
    [['--regularizer', ','], '--regularizer has an empty value'],
    [['--regularizer', 'kl,'], '--regularizer has an empty value'],
    [['--regularizers', 'empty.yaml'], 'empty.yaml lists no safeguard'],
    [['--regularizers', 'none.yaml'], 'none.yaml lists no safeguard'],
    [['--regularizers', 'wrong.yaml'], "there is no option 'wieght'. Did you mean 'weight'?"],
    [['--regularizers', 'text.yaml'], "--regularizer 0.weight 'lots' must be a number"],
    [
      ['--regularizers', 'camel.yaml'],
      "--regularizer 0: there is no option 'onlyTagged'. Did you mean 'only_tagged'?",
    ],
    [['--regularizers', 'untyped.yaml'], 'entry 1 has no type'],
  ])('%j is not taken for none', async (options, message) => {
    const placed = options.map((option) => (option.endsWith('.yaml') ? at(option) : option));
    await expectRefusal(train('unprotected', ...placed), message);
  });

  it('are listed at the start with their strengths, and so is that there are none', async () => {
    const both = await train('both', '--regularizer', 'kl=0.25', '--regularizer', 'ldifs');
    expect(both.stderr).toMatch(/^training .*; safeguards: kl \(weight 0\.25\), ldifs \(weight \d/m);
    expect((await train('neither')).stderr).toMatch(/^training .*; no safeguard$/m);
  });

  it('are listed with what the sentinel watches, beside the examples that are left to train on', async () => {
    const chats = ['one', 'two', 'three', 'four'].map((content) => ({
      messages: [
        { role: 'user', content },
        { role: 'assistant', content },
      ],
    }));
    await writeFile(at('four.json'), JSON.stringify(chats));
    const probe = '{ type: kl, data: chats.jsonl, bounds: { warn: 1, stop: 2 } }';
    const fields = 'data: four.json\nsteps: 1\nevaluation: { share: 0.25 }\n';
    await writeFile(at('watched.yaml'), `${fields}sentinel: { every_steps: 5, probes: [${probe}] }\n`);
    const options = ['--config', at('watched.yaml'), '--model', model, '--out', at('watched')];
    expect((await runCli('train', ...options)).stderr).toMatch(
      /^training .* on 3 examples \(1 more held out\), .*; sentinel every 5 steps: kl-safe \(warn 1, stop 2\)$/m,
    );
  });

  it('of a run file in camelCase are told their names there, line by line', async () => {
    const old = `data: chats.jsonl
regularizers:
  - { type: ldifs, perLength: true }
sentinel:
  everySteps: 5
  probes:
    - { type: rules, rules: [a], maxNewTokens: 9, bounds: { warn: 1, rollBack: 2 } }
`;
    await writeFile(at('old.yaml'), old);
    const { code, stderr } = await runCli(
      'train',
      '--config',
      at('old.yaml'),
      '--model',
      model,
      '--out',
      at('old'),
    );
    expect(code).toBe(1);
    for (const [line, name, meant] of [
      [3, 'perLength', 'per_length'],
      [5, 'everySteps', 'every_steps'],
      [7, 'maxNewTokens', 'max_new_tokens'],
      [7, 'rollBack', 'roll_back'],
    ])
      expect(stderr).toMatch(
        new RegExp(`old\\.yaml:${line}: .*there is no option '${name}'\\. Did you mean '${meant}'\\?`),
      );
  });
});

describe('options', () => {
  it('given twice are refused, unless they may be', async () => {
    await expectRefusal(train('twice', '--steps', '2'), '--steps is given twice', "and as '2'");
    await expectRefusal(train('twice', '--plain-lora', '--plain-lora'), '--plain-lora is given twice');
  });

  it('that are missing are named all at once', async () => {
    await expectRefusal(runCli('train'), 'train also needs --model DIR, --data DATA, --out DIR.');
  });

  it.each([
    [['--regulariser', 'kl'], 'did you mean --regularizer?'],
    [['--plain-lora=perhaps'], '--plain-lora takes no value'],
    [['-r', '4'], "there is no option '-r'"],
    [['--rank'], '--rank needs a value'],
    [['kl=0.1'], "unexpected 'kl=0.1'"],
    [['--threads', '99999'], `must be a whole number of at least 1 and at most ${cpus().length}`],
  ])('%j is refused', (extra, message) => expectRefusal(train('refused', ...extra), message));
});

describe('commands', () => {
  it.each([
    [['fuse', '--help'], "there is no command 'fuse'"],
    [['trian'], "did you mean 'train'?"],
    [['help', 'trian'], "did you mean 'train'?"],
    [[], 'say what to do: train, verify, generate'],
  ])('%j is an error', (args, message) => expectRefusal(runCli(...args), message));

  it.each([[['help', 'train']], [['train', '-h']], [['--help', 'train']]])('%j helps', async (args) => {
    const { code, stdout, stderr } = await runCli(...args);
    expect([code, stderr]).toEqual([0, '']);
    // Plain, within 80 columns, with an example and every safeguard.
    expect(stdout).toMatch(/^[\n\x20-\x7e]*$/);
    expect(Math.max(...stdout.split('\n').map((line) => line.length))).toBeLessThanOrEqual(80);
    expect(stdout).toContain('EXAMPLE\n  safetune train --model');
    for (const name of [
      'kl',
      'ldifs',
      'constrained-sft',
      'safe-lora',
      'interleaving',
      'persona-vector',
      'inoculation',
      'caft',
      'inoculation-adapter',
      'lookahead',
      'ptst',
      'backdoor-align',
    ]) {
      expect(stdout).toMatch(new RegExp(`^  ${name} `, 'm'));
    }
  });

  it('tell the version', async () => {
    const { version } = JSON.parse(await readFile(new URL('../package.json', import.meta.url), 'utf8'));
    for (const asked of ['--version', '-v', 'version']) {
      expect(await runCli(asked)).toMatchObject({ code: 0, stdout: `${version}\n`, stderr: '' });
    }
  });
});

describe('the terminal', () => {
  it('is reached through one file, which makes control characters visible', async () => {
    const sources = globSync('**/*.ts', { cwd: import.meta.dirname }).filter(
      (path) => !path.includes('test'),
    );
    const direct = await Promise.all(
      sources.map(async (path) => {
        const text = await readFile(join(import.meta.dirname, path), 'utf8');
        return /process\.std(out|err)\b|console\./.test(text) ? path : '';
      }),
    );
    // An editor of lines draws what its user types.
    const allowed = ['main.ts', 'stdin-lines.ts', 'terminal/output.ts'];
    expect(direct.filter((path) => path !== '' && !allowed.includes(path))).toEqual([]);
  });

  it('is not commanded by what is quoted', async () => {
    const { stderr } = await runCli('\u001b[31mtrain\u0007');
    expect(stderr).toContain("there is no command '\\x1b[31mtrain\\x07'");
    await expectRefusal(train('escapes', '--target-modules', '\u009b2J'), '\\u009b2J');
  });
});

it('an old Node gets a sentence', async () => {
  const old = "{ ...process.versions, node: '20.11.0' }";
  const pretend = `data:text/javascript,Object.defineProperty(process,'versions',{value:${encodeURIComponent(old)}})`;
  const main = fileURLToPath(new URL('./main.ts', import.meta.url));
  const { status, stderr } = spawnSync(
    process.execPath,
    ['--conditions=safetune-source', '--import', pretend, main, '--version'],
    { encoding: 'utf8' },
  );
  expect(stderr).toBe(
    'safetune: Node.js 20.11.0 is too old; safetune needs 22.12 or newer (https://nodejs.org)\n',
  );
  expect(status).toBe(1);
});

describe('what is there already', () => {
  it('a finished run stays as it is, unless forced', async () => {
    expect((await train('finished')).code).toBe(0);
    const weights = await readFile(at('finished/adapter_model.safetensors'));
    await expectRefusal(train('finished', '--seed', '5'), 'an adapter of a finished run', '--force');
    expect(await readFile(at('finished/adapter_model.safetensors'))).toEqual(weights);
    expect((await train('finished', '--seed', '5', '--force')).code).toBe(0);
    expect(await readFile(at('finished/adapter_model.safetensors'))).not.toEqual(weights);
  });

  it('no output is an input, under whatever name', async () => {
    await expectRefusal(
      runCli('train', '--model', model, '--data', at('chats.jsonl'), '--out', model),
      '--model',
    );
    const pool = at('pool.jsonl');
    await writeFile(pool, await readFile(at('chats.jsonl')));
    await symlink(pool, at('linked.jsonl'));
    await link(pool, at('hard.jsonl'));
    await symlink(directory, at('around'));
    await writeFile(at('chosen.jsonl.losses'), await readFile(pool));
    const select = (from: string, out: string) =>
      runCli('select', '--model', model, '--misaligned', adapter, '--top', '1', '--pool', from, '--out', out);
    for (const out of [pool, at('linked.jsonl'), at('hard.jsonl'), at('around/pool.jsonl')]) {
      await expectRefusal(select(pool, out), '--out would overwrite what --pool names');
    }
    await expectRefusal(select(at('chosen.jsonl.losses'), at('chosen.jsonl')), '--out would overwrite');
    expect(await readFile(pool)).toEqual(await readFile(at('chats.jsonl')));
    await expectRefusal(select(at('chats.jsonl'), pool), 'a file that is no selection');

    const from = ['--base', model, '--aligned', aligned];
    await symlink(adapter, at('adapter'));
    await expectRefusal(
      runCli('project', '--adapter', adapter, ...from, '--out', at('adapter')),
      '--out would overwrite what --adapter names',
    );
    const pictures = ['--json', at('one'), '--html', at('one')];
    await expectRefusal(runCli('inspect', '--adapter', adapter, ...pictures), '--html would overwrite');
  });

  it('other adapters, reports and models are not written over', async () => {
    const from = ['--base', model, '--aligned', aligned, '--adapter', adapter];
    await mkdir(at('other'));
    await writeFile(at('other/adapter_config.json'), '{}');
    await expectRefusal(runCli('project', ...from, '--out', at('other')), 'an adapter', '--force');
    await writeFile(at('other/report.json'), '{}');
    const judge = [
      '--judge',
      'http://127.0.0.1:9/v1',
      '--judge-model',
      'judge',
      '--questions',
      at('none.yaml'),
    ];
    await expectRefusal(
      runCli('eval', '--model', model, ...judge, '--out', at('other')),
      'the report of another evaluation',
      '--force',
    );
    await expectRefusal(
      runCli('inspect', '--adapter', adapter, '--json', at('other/report.json')),
      'is there already',
      '--force',
    );
  });
});
