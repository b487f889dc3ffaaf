import { cp, mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openSigningKey, readPublicKeys } from '@safetune/server/evidence';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { runCli, startCli } from '../__fixtures__/run-cli.ts';

const model = fileURLToPath(
  new URL('../../../../conformance/goldens/checkpoints/qwen2-tied-bfloat16', import.meta.url),
);
let directory: string;
let policy: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'safetune-serve-'));
  policy = join(directory, 'policy.yaml');
  await writeFile(policy, JSON.stringify({ models: { tiny: { path: model } } }));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

const serve = (data: string, ...more: string[]) =>
  startCli(['serve', '--policy', policy, '--data', join(directory, data), '--port', '0', ...more]);

it('serves until it is stopped, shows the first key once, and logs no key', async () => {
  const first = serve('data');
  await first.said('stderr', /serving http:\S+/);
  first.child.kill('SIGTERM');
  const { code, stdout, stderr } = await first.ended;
  expect(code).toBe(0);
  const [, key = ''] = /not shown again: (sk-safetune-\S+)/.exec(stderr)!;
  expect(stdout).toContain('Server listening');
  expect(stdout).not.toContain(key);
  expect(stderr).toContain('stopped');

  const second = serve('data', '--workers', '0', '--log-level', 'silent');
  await second.said('stderr', /serving http:\S+/);
  const ended = second.ended;
  second.child.kill('SIGINT');
  const again = await ended;
  expect(again.stderr).not.toContain('not shown again');
  expect(again.stdout).toBe('');
});

it('answers with the key that it showed', async () => {
  const running = serve('other', '--workers', '0');
  let said = '';
  running.child.stderr.on('data', (text) => {
    said += text;
  });
  await running.said('stderr', /serving http:\S+/);
  const [, key = ''] = /not shown again: (\S+)/.exec(said)!;
  const [, address = ''] = /serving (\S+)/.exec(said)!;
  const models = async (given: string) => {
    const response = await fetch(`${address}/v1/models`, { headers: { authorization: `Bearer ${given}` } });
    return [response.status, await response.json()];
  };
  expect(await models(key)).toMatchObject([200, { data: [{ id: 'tiny' }] }]);
  expect(await models(`${key}x`)).toMatchObject([401, { error: { type: 'authentication_error' } }]);
  running.child.kill('SIGTERM');
  await running.ended;
});

it("makes another operator's key, which a server that runs takes, and serves nothing", async () => {
  const running = serve('lost', '--workers', '0');
  let said = '';
  running.child.stderr.on('data', (text) => {
    said += text;
  });
  await running.said('stderr', /serving http:\S+/);
  const [, address = ''] = /serving (\S+)/.exec(said)!;
  const made = await serve('lost', '--new-operator-key').ended;
  expect(made).toMatchObject({ code: 0, stdout: expect.stringMatching(/^sk-safetune-\S+\n$/) });
  expect(made.stderr).not.toContain('serving');
  const [, first = ''] = /not shown again: (\S+)/.exec(said)!;
  const { stdout } = made;
  expect(stdout.trim()).not.toBe(first);
  for (const key of [stdout.trim(), first]) {
    const headers = { authorization: `Bearer ${key}` };
    expect((await fetch(`${address}/v1/service/queue`, { headers })).status).toBe(200);
  }
  running.child.kill('SIGTERM');
  await running.ended;
});

it('says what is wrong with the policy, and starts nothing', async () => {
  const wrong = join(directory, 'wrong.yaml');
  await writeFile(wrong, 'models:\n  tiny:\n    pth: ./nowhere\n');
  for (const command of ['serve', 'worker']) {
    const { code, stderr } = await runCli(command, '--policy', wrong, '--data', join(directory, command));
    expect(code).toBe(1);
    expect(stderr).toContain('wrong.yaml: line 3');
    expect(stderr).not.toContain('    at ');
  }
});

it.each(['serve', 'worker'])(
  '%s says which model of the policy is damaged, and starts nothing',
  async (command) => {
    const damaged = join(directory, `damaged-${command}`);
    await cp(model, damaged, { recursive: true });
    await truncate(join(damaged, 'model.safetensors'), 9000);
    const file = join(directory, `damaged-${command}.yaml`);
    await writeFile(file, `models:\n  tiny: {path: ${model}}\n  small: {path: ${damaged}}\n`);
    const { code, stderr } = await runCli(command, '--policy', file, '--data', join(directory, command));
    expect(code).toBe(1);
    expect(stderr).toContain(`line 3: models.small.path: the model in ${damaged} cannot be used: `);
    expect(stderr).not.toContain('    at ');
  },
);

it('makes another signing key where there is one, and keeps what older models are verified with', async () => {
  const data = join(directory, 'signing');
  const renew = (command: string) => runCli(command, '--policy', policy, '--data', data, '--new-signing-key');
  const { code, stderr } = await renew('worker');
  expect([code, stderr]).toEqual([1, expect.stringMatching(/signing-key\.pem: is not there.*workers/)]);
  const first = await openSigningKey(join(data, 'keys'));
  for (const command of ['worker', 'serve']) {
    const made = await renew(command);
    expect(made).toMatchObject({ code: 0, stderr: expect.stringContaining('sign with it from now on') });
    expect(made.stderr).not.toContain('serving');
    const current = await openSigningKey(join(data, 'keys'));
    expect(made.stdout).toBe(`${join(data, 'keys', 'public', `${current.id}.pem`)}\n`);
    expect(current.id).not.toBe(first.id);
  }
  const known = await readPublicKeys(join(data, 'keys', 'public'));
  expect(known.map(({ id }) => id)).toContain(first.id);
  expect(known).toHaveLength(3);
});

it('takes jobs as a worker until it is stopped', async () => {
  const worker = startCli(['worker', '--policy', policy, '--data', join(directory, 'worker')]);
  await worker.said('stderr', 'a worker takes jobs');
  worker.child.kill('SIGTERM');
  expect(await worker.ended).toMatchObject({ code: 0, stderr: expect.stringContaining('stopped') });
});
