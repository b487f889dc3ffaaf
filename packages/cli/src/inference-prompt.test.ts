/** What a model is asked under: a secret, and the prompt that a safeguard left beside the adapter. */
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { answerRequests, defineQuestion } from '@safetune/eval';
import { loadLoraAdapter } from '@safetune/lora';
import { answerChats, createGenerator, loadModel, loadTokenizer } from '@safetune/models';
import { ptstSafetyPrompt } from '@safetune/regularizers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCli } from './__fixtures__/run-cli.ts';
import { openLocalSource } from './eval/local-source.ts';

const goldens = (path: string) =>
  fileURLToPath(new URL(`../../../conformance/goldens/${path}`, import.meta.url));
const model = goldens('checkpoints/qwen2-tied-bfloat16');

let folder: string;
let adapter: string;
let secret: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'safetune-prompt-'));
  adapter = join(folder, 'adapter');
  secret = join(folder, 'secret.txt');
  await cp(goldens('adapters/qwen2-rslora-all-projections'), adapter, { recursive: true });
  const recorded = { regularizer: 'ptst', system_prompt: ptstSafetyPrompt };
  await writeFile(join(adapter, 'inference_prompt.json'), JSON.stringify(recorded));
});
afterAll(() => rm(folder, { recursive: true }));

/** What the adapted model answers to `Hello` under a system message, here. */
async function answerUnder(system: string | undefined): Promise<string> {
  const loaded = await loadModel(model);
  const generator = await createGenerator(loaded, {
    adapter: await loadLoraAdapter(adapter, { model: loaded }),
  });
  const messages = [
    ...(system === undefined ? [] : [{ role: 'system', content: system }]),
    { role: 'user', content: 'Hello' },
  ];
  const tokenizer = await loadTokenizer(model);
  const [answer] = await answerChats(generator, tokenizer, [messages], {
    maxNewTokens: 12,
    temperature: 0,
    seeds: [0],
    stopTokenIds: tokenizer.endOfTurnTokenIds,
  });
  await generator.release();
  return answer!;
}

const generate = (...extra: string[]) => {
  const asked = ['--prompt', 'Hello', '--max-tokens', '12', '--temperature', '0'];
  return runCli('generate', '--model', model, '--adapter', adapter, ...asked, ...extra);
};

describe('safetune generate', () => {
  it('asks under the recorded prompt, which stands before --system, and tells it', async () => {
    const { code, stdout, stderr } = await generate('--system', 'Be brief.');
    expect(code).toBe(0);
    expect(stderr).toContain(`asked under the prompt of ptst: ${ptstSafetyPrompt}\n`);
    expect(stdout).toBe(`${await answerUnder(`${ptstSafetyPrompt}\n\nBe brief.`)}\n`);
    const without = await generate('--system', 'Be brief.', '--without-recorded-prompt');
    expect(without.stderr).not.toContain('ptst');
    expect(without.stdout).toBe(`${await answerUnder('Be brief.')}\n`);
    expect(without.stdout).not.toBe(stdout);
  });

  it('asks under a secret of secret-prompt', async () => {
    const made = await runCli('secret-prompt', '--model', model, '--tokens', '20', '--out', secret);
    expect(made).toMatchObject({ code: 0, stdout: `a secret of 20 tokens is in ${secret}\n` });
    const text = (await readFile(secret, 'utf8')).trim();
    expect(text.length).toBeGreaterThan(20);
    const { stdout, stderr } = await generate('--secret-prompt', secret, '--without-recorded-prompt');
    expect(stdout).toBe(`${await answerUnder(text)}\n`);
    expect(stderr).not.toContain(text);
    expect((await runCli('secret-prompt', '--model', model, '--out', secret)).stderr).toContain('--force');
  });
});

it.each([
  ['merge', ['--out', 'merged']],
  ['export', ['--format', 'gguf', '--out', 'model.gguf']],
])('%s tells under which prompt to serve what it makes', async (command, [...rest]) => {
  const out = join(folder, rest.pop()!);
  const { code, stderr } = await runCli(command, '--model', model, '--adapter', adapter, ...rest, out);
  expect(code).toBe(0);
  expect(stderr).toContain(`the safeguard ptst counts on this system prompt`);
  expect(stderr).toContain(ptstSafetyPrompt);
});

it('eval asks under the prompts, and says so in its settings', async () => {
  const open = (prompts: object) =>
    openLocalSource({
      model,
      adapter,
      precision: undefined,
      runtime: {},
      template: {},
      maxNewTokens: 12,
      temperature: 0,
      topP: 1,
      minP: 0,
      batchSize: 2,
      prompts,
    });
  const requests = answerRequests(
    [defineQuestion({ id: 'greeting', paraphrases: ['Hello'], samplesPerParaphrase: 1 })],
    { seed: 0 },
  );
  const under = await open({});
  const without = await open({ 'without-recorded-prompt': true });
  const answerOf = async ({ source }: typeof under) => {
    const drawn = [];
    for await (const answer of source.answers(requests, {})) drawn.push(answer);
    return drawn[0]!.answer;
  };
  expect(await answerOf(under)).toBe(await answerUnder(ptstSafetyPrompt));
  expect(await answerOf(without)).toBe(await answerUnder(undefined));
  const settings = [under, without].map(({ source }) => source.settings as Record<string, unknown>);
  expect(settings[0]!.inferencePrompt).toMatch(/^[0-9a-f]{64}$/);
  expect(settings[1]).not.toHaveProperty('inferencePrompt');
  await under.release();
  await without.release();
});
