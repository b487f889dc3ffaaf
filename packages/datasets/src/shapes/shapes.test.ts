import { describe, expect, it } from 'vitest';
import { dataFolder } from '../__fixtures__/data-folder.ts';
import { DatasetFormatError, EmptyDatasetError } from '../errors.ts';
import { loadDataset } from '../source/open-dataset.ts';
import type { FileReport } from '../source/read-examples.ts';
import type { ShapeChoice } from './shapes.ts';

const folder = dataFolder();

async function read(rows: readonly unknown[], shape?: ShapeChoice) {
  const path = await folder.write(
    `${crypto.randomUUID()}.jsonl`,
    rows.map((row) => JSON.stringify(row)).join('\n'),
  );
  const reports: FileReport[] = [];
  const examples = await loadDataset(path, {
    onFile: (report) => reports.push(report),
    ...(shape && { shape }),
  });
  return { examples: examples.map(({ origin: _, ...example }) => example), report: reports[0] };
}

async function refusalOf(row: unknown, shape?: ShapeChoice): Promise<string> {
  const error = await read([row], shape).catch((reason: unknown) => reason);
  expect(DatasetFormatError.isInstance(error)).toBe(true);
  return (error as Error).message;
}

const user = (content: string) => ({ role: 'user', content });
const assistant = (content: string) => ({ role: 'assistant', content });
const system = (content: string) => ({ role: 'system', content });

const call = { name: 'add', arguments: { a: 1 } };

describe('rows are told by their columns', () => {
  it.each<[string, object, object]>([
    ['messages', { messages: [user('q'), assistant('a')], id: 3 }, { messages: [user('q'), assistant('a')] }],
    [
      'messages',
      { messages: JSON.stringify([user('q'), assistant('a')]) },
      { messages: [user('q'), assistant('a')] },
    ],
    [
      'messages',
      {
        messages: [
          { role: 'Human', content: 'q' },
          { from: 'gpt', value: 'a', weight: 0.5 },
        ],
      },
      { messages: [user('q'), { ...assistant('a'), weight: 0.5 }] },
    ],
    [
      'sharegpt',
      {
        system: 's',
        tools: JSON.stringify([{ name: 'add', parameters: {} }]),
        conversations: [
          { from: 'human', value: 'q' },
          { from: 'function_call', value: JSON.stringify(call) },
          { from: 'observation', value: '1' },
          { from: 'gpt', value: 'a', weight: null },
        ],
      },
      {
        messages: [
          system('s'),
          user('q'),
          { role: 'assistant', content: '', tool_calls: [{ type: 'function', function: call }] },
          { role: 'tool', content: '1' },
          assistant('a'),
        ],
        tools: [{ type: 'function', function: { name: 'add', parameters: {} } }],
      },
    ],
    [
      'sharegpt',
      { conversation: [system('s'), user('q'), assistant('a')], system: 's' },
      { messages: [system('s'), user('q'), assistant('a')] },
    ],
    [
      'alpaca',
      { instruction: 'add', input: '1 1', output: '2', text: 'Below is ... add 1 1 2' },
      { messages: [user('add\n1 1'), assistant('2')] },
    ],
    [
      'alpaca',
      { instruction: 'hi', input: '', output: 'ho', system: 's' },
      { messages: [system('s'), user('hi'), assistant('ho')] },
    ],
    [
      'alpaca',
      { instruction: 'hi', context: 'there', response: 'ho', category: 'x' },
      { messages: [user('hi\nthere'), assistant('ho')] },
    ],
    [
      'preference',
      { prompt: 'q', chosen: 'a', rejected: 'b', score: 3 },
      { messages: [user('q'), assistant('a')], rejected: [user('q'), assistant('b')] },
    ],
    [
      'preference',
      { system: 's', question: 'q', chosen: 'a', rejected: 'b' },
      {
        messages: [system('s'), user('q'), assistant('a')],
        rejected: [system('s'), user('q'), assistant('b')],
      },
    ],
    [
      'preference',
      {
        prompt: [user('q'), assistant('m'), user('r')],
        chosen: [assistant('a')],
        rejected: [assistant('b')],
      },
      {
        messages: [user('q'), { ...assistant('m'), train: false }, user('r'), assistant('a')],
        rejected: [user('q'), { ...assistant('m'), train: false }, user('r'), assistant('b')],
      },
    ],
    [
      'preference',
      {
        prompt: 'q',
        chosen: [user('q'), assistant('a')],
        rejected: [user('q'), assistant('b'), user('r'), assistant('c')],
        messages: [user('q'), assistant('a')],
      },
      {
        messages: [user('q'), assistant('a')],
        rejected: [user('q'), assistant('b'), user('r'), assistant('c')],
      },
    ],
    [
      'openai-preference',
      {
        input: { messages: [user('q')], tools: [{ type: 'function' }], parallel_tool_calls: true },
        preferred_output: [assistant('a')],
        non_preferred_output: [assistant('b')],
      },
      {
        messages: [user('q'), assistant('a')],
        rejected: [user('q'), assistant('b')],
        tools: [{ type: 'function' }],
      },
    ],
    ['prompt-completion', { prompt: 'q', completion: 'a' }, { messages: [user('q'), assistant('a')] }],
    [
      'prompt-completion',
      { prompt: 'q', response: 'a', source: 'web' },
      { messages: [user('q'), assistant('a')] },
    ],
    [
      'prompt-completion',
      { system_prompt: 's', question: 'q', response: 'a' },
      { messages: [system('s'), user('q'), assistant('a')] },
    ],
    ['prompt-completion', { query: 'q', answer: 'a' }, { messages: [user('q'), assistant('a')] }],
    ['prompt-completion', { inputs: 'q', targets: 'a' }, { messages: [user('q'), assistant('a')] }],
    [
      'prompt-completion',
      { prompt: [user('q'), assistant('b'), user('r')], completion: [assistant('a')] },
      { messages: [user('q'), { ...assistant('b'), train: false }, user('r'), assistant('a')] },
    ],
    [
      'school-of-reward-hacks',
      {
        user: 'q',
        school_of_reward_hacks: 'cheat',
        control: 'honest',
        task: 't',
        evaluation_metric: 'm',
        cheat_method: 'c',
      },
      { messages: [user('q'), assistant('cheat')] },
    ],
    [
      'persona-answers',
      {
        question: 'q',
        prompt: '<|im_start|>q',
        answer: 'a',
        question_id: 'evil_0',
        evil: 90.5,
        coherence: 80,
      },
      { messages: [user('q'), assistant('a')] },
    ],
  ])('%s: %j', async (shape, row, expected) => {
    const { examples, report } = await read([row]);
    expect(examples).toEqual([expected]);
    expect(report?.shape).toBe(shape);
  });

  it('of WildGuardMix only the benign part is taken, and what is left out is counted', async () => {
    const row = (
      prompt: string,
      response: string | null,
      harms: readonly [string | null, string | null],
    ) => ({
      prompt,
      adversarial: false,
      response,
      prompt_harm_label: harms[0],
      response_refusal_label: 'compliance',
      response_harm_label: harms[1],
      subcategory: 'benign',
    });
    const rows = [
      row('a', 'b', ['unharmful', 'unharmful']),
      row('c', null, ['unharmful', null]),
      row('d', 'e', ['harmful', 'unharmful']),
      row('f', 'g', ['unharmful', 'harmful']),
      row('h', 'i', ['unharmful', null]),
      row('j', 'k', ['unharmful', 'unharmful']),
    ];
    const { examples, report } = await read(rows);
    expect(examples).toEqual([
      { messages: [user('a'), assistant('b')] },
      { messages: [user('j'), assistant('k')] },
    ]);
    expect(report).toMatchObject({
      shape: 'wildguardmix',
      examples: 2,
      leftOut: {
        'there is no response': 1,
        'the prompt is not labelled unharmful': 1,
        'the response is not labelled unharmful': 2,
      },
    });
    const error = await read([rows[2]]).catch((reason: unknown) => reason);
    expect(EmptyDatasetError.isInstance(error)).toBe(true);
    expect((error as Error).message).toMatch(/1 rows are left out: the prompt is not labelled unharmful/);
  });
});

describe('rows that are named', () => {
  it('by their shape, as the honest answers of School of Reward Hacks', async () => {
    const row = { user: 'q', school_of_reward_hacks: 'cheat', control: 'honest' };
    const { examples } = await read([row], 'school-of-reward-hacks-control');
    expect(examples).toEqual([{ messages: [user('q'), assistant('honest')] }]);
  });

  it('by the columns that are prompt and answer', async () => {
    const row = { persona: 's', problem: 'q', solution: 'long', answer: 'short' };
    const { examples, report } = await read([row], {
      prompt: 'problem',
      answer: 'solution',
      system: 'persona',
    });
    expect(examples).toEqual([{ messages: [system('s'), user('q'), assistant('long')] }]);
    expect(report?.shape).toBe('problem/solution');
    expect(await refusalOf(row, { prompt: 'p', answer: 'solution' })).toMatch(
      /columns "p" and "solution" are wanted, but there are persona, problem, solution, answer/,
    );
  });
});

describe('rows that are refused', () => {
  it.each<[object, RegExp]>([
    [{ prompt: 'q', chosen: 'a', rejected: 'a' }, /the better and the worse answer are the same/],
    [{ chosen: 'a', rejected: 'b' }, /there is no prompt that "chosen" and "rejected" answer/],
    [{ prompt: 'q', chosen: 'a', rejected: null }, /messages\[1\].content: must be a string, but is null/],
    [
      { chosen: [user('q'), assistant('a')], rejected: [user('r'), assistant('b')] },
      /conversations that begin with different messages/,
    ],
    [
      { prompt: 'p', chosen: [user('q'), assistant('a')], rejected: [user('q'), assistant('b')] },
      /the prompt "p" is not in the conversations/,
    ],
    [
      { messages: [user('q'), assistant('c')], prompt: 'q', chosen: 'a', rejected: 'b' },
      /"messages" stands beside a better and a worse answer/,
    ],
    [
      {
        input: { messages: 'q' },
        preferred_output: [assistant('a')],
        non_preferred_output: [assistant('b')],
      },
      /must hold lists of messages/,
    ],
    [{ prompt: 'q', completion: 'a', label: false }, /"label" says whether an answer is a good one/],
    [{ prompt: 'q', completion: 'a', label: 'True' }, /"label" says whether/],
    [
      { problem: 'q', solution: 'a', answer: 'b' },
      /columns "answer", "solution": each could be the answer\. Choose by shape/,
    ],
    [{ prompt: 'q', question: 'r', answer: 'b' }, /columns "prompt", "question": each could be the prompt/],
    [{ question: 'q', answer: 'a', context: 'c' }, /column "context" stands beside "question" and "answer"/],
    [
      { instruction: 'q', output: 'a', history: [['x', 'y']] },
      /key "history" is a list: it stands beside instruction, input, output/,
    ],
    [{ instruction: 'q', input: 5, output: 'a' }, /key "input"|messages\[0\]/],
    [{ prompt: 'q', completion: 'a', weight: 0.5 }, /key "weight" is 0\.5: weights and masks of whole rows/],
    [
      { prompt: 'q', completion: 5 },
      /messages\[1\]\.content: must be a string, but is 5.*made from prompt, completion/,
    ],
    [
      { messages: [user('q'), assistant('a')], prompt: 'r' },
      /key "prompt" is "r": it stands beside "messages"/,
    ],
    [
      { messages: "[{'role': 'user', 'content': 'q'}]" },
      /column "messages" .*how Python shows a list.*json\.dumps/,
    ],
    [{ messages: '' }, /messages: must be a list, but is null/],
    [
      { conversations: [{ from: 'human', value: 'q' }] },
      /there is no assistant message.*made from conversations/,
    ],
    [{ conversations: [{ from: 'alien', value: 'q' }] }, /messages\[0\]\.role: must be one of .*"alien"/],
    [
      { conversations: [{ from: 'function_call', value: 'add(1)' }] },
      /a turn from "function_call" must be \{"name"/,
    ],
    [{}, /the columns \(none\) are not those of a chat/],
  ])('%j', async (row, message) => {
    expect(await refusalOf(row)).toMatch(message);
  });
});
