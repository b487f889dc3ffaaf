import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  answerChats,
  createGenerator,
  type GenerateOptions,
  loadModel,
  loadTokenizer,
} from '@safetune/models';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCliOn } from '../__fixtures__/run-cli.ts';

const model = fileURLToPath(
  new URL('../../../../conformance/goldens/checkpoints/qwen2-untied-float32-sharded', import.meta.url),
);
const prompts = ['Hello', 'What grows in the garden?', 'Say 3.'];
const sampling = {
  maxNewTokens: 10,
  temperature: 0.9,
  topK: 50,
  topP: 0.95,
  minP: 0.01,
  repetitionPenalty: 1.1,
};
const args = [
  ...['generate', '--model', model, '--system', 'Be brief.', '--max-tokens', '10', '--temperature', '0.9'],
  ...['--top-k', '50', '--top-p', '0.95', '--min-p', '0.01', '--repetition-penalty', '1.1', '--seed', '7'],
];

/** What the model answers here. */
async function answersUnder(options: Partial<GenerateOptions> = {}): Promise<string[]> {
  const generator = await createGenerator(await loadModel(model));
  const chats = prompts.map((content) => [
    { role: 'system', content: 'Be brief.' },
    { role: 'user', content },
  ]);
  const all = { ...sampling, ...options, seeds: [7, 8, 9] };
  const answers = await answerChats(generator, await loadTokenizer(model), chats, all);
  await generator.release();
  return answers;
}

let answers: string[];
beforeAll(async () => {
  answers = await answersUnder();
});

describe('safetune generate on stdin', () => {
  it('answers every line up to a stop string, in order, as JSON when asked', async () => {
    const stop = answers[0]!.slice(4, 6);
    const stopped = await answersUnder({ stopStrings: [stop] });
    expect(stopped[0]).toBe(answers[0]!.slice(0, answers[0]!.indexOf(stop)));
    const input = `${prompts[0]}\n\n${prompts[1]}\n${prompts[2]}`;
    const extra = ['--json', '--batch-size', '2', '--stop', stop];
    const { code, stdout } = await runCliOn(input, [...args, ...extra]);
    const lines = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines).toEqual(
      prompts.map((prompt, index) => ({ prompt, answer: stopped[index], seed: 7 + index })),
    );
    expect(code).toBe(0);
  });

  it('streams the same answers', async () => {
    const { code, stdout } = await runCliOn(prompts.join('\n'), [...args, '--stream']);
    expect(stdout).toBe(answers.map((answer) => `${answer}\n`).join(''));
    expect(code).toBe(0);
  });

  it.each([
    ['', [], 'stdin held no prompt'],
    ['Hello', ['--stream', '--json'], '--stream and --json exclude each other'],
  ])('refuses %j with %j', async (input, extra, message) => {
    const { code, stdout, stderr } = await runCliOn(input, [...args, ...extra]);
    expect(stderr).toContain(message);
    expect([code, stdout]).toEqual([1, '']);
  });
});

describe('safetune generate with a model that cannot answer', () => {
  it('says so before it looks at the weights, which may take minutes to convert', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'safetune-generate-'));
    await cp(model, directory, { recursive: true, filter: (path) => !path.endsWith('.safetensors') });
    const ask = ['generate', '--model', directory, '--prompt', 'Hello'];
    const withTemplate = await runCliOn('', ask);
    expect(withTemplate.stderr).toContain('model-00001-of-00003.safetensors');
    await writeFile(join(directory, 'chat_template.jinja'), '{% for message in %}');
    expect((await runCliOn('', ask)).stderr).toContain('the chat template fails: line 1');
    await rm(join(directory, 'chat_template.jinja'));
    const { code, stderr, stdout } = await runCliOn('', ask);
    expect(stderr).toContain('the tokenizer has no chat template');
    expect([code, stdout]).toEqual([1, '']);
    await rm(directory, { recursive: true });
  });
});

describe('safetune generate with a model that says how it is sampled', () => {
  let directory: string;
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'safetune-generate-'));
    await cp(model, directory, { recursive: true });
    const file = join(directory, 'generation_config.json');
    const { temperature, topK: top_k, topP: top_p, minP: min_p } = sampling;
    const asked = { do_sample: true, temperature, top_k, top_p, min_p, repetition_penalty: 3, num_beams: 2 };
    await writeFile(file, JSON.stringify({ ...JSON.parse(await readFile(file, 'utf8')), ...asked }));
  });
  afterAll(() => rm(directory, { recursive: true, force: true }));

  const ask = ['generate', '--model', '', '--system', 'Be brief.', '--prompt', prompts[0]!, '--seed', '7'];

  it('does as the model says, but for what is given, and tells both', async () => {
    const given = ['--max-tokens', '10', '--repetition-penalty', '1.1'];
    const { code, stdout, stderr } = await runCliOn('', [...ask.with(2, directory), ...given]);
    expect(stdout).toBe(`${answers[0]}\n`);
    expect(stderr).toBe(
      'as generation_config.json of the model says: --temperature 0.9, --top-k 50, --top-p 0.95, --min-p 0.01\n' +
        'answers come without what generation_config.json says besides: num_beams 2\n',
    );
    expect(code).toBe(0);
  });

  it('shows the template the tools of a file, and refuses a template that shows none', async () => {
    const tools = join(directory, 'tools.json');
    await writeFile(tools, '[{"type": "function", "function": {"name": "add", "parameters": {}}}]');
    const withTools = [
      ...ask.with(2, directory),
      '--max-tokens',
      '5',
      '--temperature',
      '0',
      '--tools',
      tools,
    ];
    const refused = await runCliOn('', withTools);
    expect(refused.stderr).toContain('--tools: the chat template of this model shows no tools');
    expect(refused.code).toBe(1);
    const template =
      "{{ raise_exception('seen: ' ~ tools[0].function.name) if tools }}{% for m in messages %}{{ m.content }}{% endfor %}";
    await writeFile(join(directory, 'chat_template.jinja'), template);
    expect((await runCliOn('', withTools)).stderr).toContain('seen: add');
    expect((await runCliOn('', withTools.slice(0, -2))).code).toBe(0);
  });
});
