import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createLoraAdapter, loadLoraAdapter, saveLoraAdapter } from '@safetune/lora';
import { answerChats, createGenerator, loadModel, loadTokenizer } from '@safetune/models';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCliOn, startCli } from '../__fixtures__/run-cli.ts';

const golden = fileURLToPath(
  new URL('../../../../conformance/goldens/checkpoints/qwen2-untied-float32-sharded', import.meta.url),
);

let directory: string;
/** The golden model, with room for long answers. */
let model: string;
let adapter: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'safetune-chat-'));
  model = join(directory, 'model');
  adapter = join(directory, 'adapter');
  await cp(golden, model, { recursive: true });
  const config = JSON.parse(await readFile(join(model, 'config.json'), 'utf8'));
  await writeFile(
    join(model, 'config.json'),
    JSON.stringify({ ...config, max_position_embeddings: 100_000 }),
  );
  const { linearLayers } = await loadModel(model);
  const made = createLoraAdapter(linearLayers, { r: 2, target_modules: 'all-linear' });
  made.parameters.forEach((_, index) => {
    made.parameters[index] = Math.sin(index) / 4;
  });
  await saveLoraAdapter(adapter, made);
});
afterAll(() => rm(directory, { recursive: true, force: true }));

const chat = (...extra: string[]) => [
  ...['chat', '--model', model, '--max-tokens', '12', '--temperature', '0'],
  ...extra,
];

/** The greedy answers that a conversation should have. */
async function expectedAnswers(
  questions: readonly string[],
  { system, adapted = false }: { readonly system?: string; readonly adapted?: boolean } = {},
): Promise<string[]> {
  const loaded = await loadModel(model);
  const options = adapted ? { adapter: await loadLoraAdapter(adapter, { layers: loaded.linearLayers }) } : {};
  const generator = await createGenerator(loaded, options);
  const tokenizer = await loadTokenizer(model);
  const messages = system === undefined ? [] : [{ role: 'system', content: system }];
  const answers: string[] = [];
  for (const content of questions) {
    messages.push({ role: 'user', content });
    const [answer] = await answerChats(generator, tokenizer, [messages], { maxNewTokens: 12 });
    messages.push({ role: 'assistant', content: answer! });
    answers.push(answer!);
  }
  await generator.release();
  return answers;
}

describe('safetune chat', () => {
  it('remembers and forgets, with the adapter, without it and both ways, and says what it does not understand', async () => {
    const questions = ['Hello', 'What grows?'];
    const lines = [
      ...['/adapter off', ...questions, '', '/reset', '/system Be brief.', ...questions],
      ...['/rest', '/reset', '/system', '/adapter on', 'Hello', '/reset', '/adapter both', 'Hello'],
      ...['/quit', 'unheard'],
    ];
    const args = ['--adapter', adapter];
    const { code, stdout, stderr } = await runCliOn(`${lines.join('\n')}\n`, chat(...args));
    const plain = await expectedAnswers(questions);
    const brief = await expectedAnswers(questions, { system: 'Be brief.' });
    const [adapted] = await expectedAnswers(['Hello'], { adapted: true });
    expect(new Set([...plain, ...brief, adapted]).size).toBe(5);
    const both = ['[without the adapter]', plain[0], '[with the adapter]', adapted];
    expect(stdout).toBe([...plain, ...brief, adapted, ...both, ''].join('\n'));
    expect(stderr.split('\n')).toEqual([
      'without the adapter',
      ...['a new conversation', 'the system message is set'],
      'there is no /rest; did you mean /reset? /help lists what there is',
      ...[
        'a new conversation',
        'no system message',
        'with the adapter',
        'a new conversation',
        'both ways',
        '',
      ],
    ]);
    // Whoever pipes lines in must learn that one was not understood.
    expect(code).toBe(1);
  });

  it('shows both answers side by side where there is room', async () => {
    const input = '/adapter both\nHello\n';
    const { code, stdout } = await runCliOn(input, chat('--adapter', adapter), { COLUMNS: '100' });
    expect(stdout.split('\n')[0]).toBe(`${'without the adapter'.padEnd(48)} | with the adapter`);
    expect(code).toBe(0);
  });

  it('refuses options out of range before it loads anything', async () => {
    const { code, stderr } = await runCliOn('', ['chat', '--model', '/nowhere', '--top-p', '2']);
    expect(stderr).toContain('topP must be above 0 and at most 1, is 2');
    expect(code).toBe(1);
  });
});

it.skipIf(process.platform === 'win32')(
  'Ctrl-C stops an answer, not the conversation; pressed twice it ends the program',
  async () => {
    const args = ['chat', '--model', model, '--max-tokens', '90000', '--temperature', '0'];
    const { child, said, ended } = startCli(args);
    child.stdin.write('Hello\n');
    await said('stdout', /.{20}/s);
    child.kill('SIGINT');
    await said('stderr', '(stopped)');
    child.stdin.write('/adapter on\n');
    await said('stderr', 'there is no adapter: start with --adapter DIR');
    child.kill('SIGINT');
    await said('stderr', 'press Ctrl-C again to end');
    child.kill('SIGINT');
    expect(await ended).toMatchObject({ code: null, signal: 'SIGINT' });
  },
);
