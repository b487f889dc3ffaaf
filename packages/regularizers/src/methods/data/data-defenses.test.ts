/** LookAhead, BackdoorAlign and PTST: what becomes of examples, pairs, tags, and the same object each time. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ChatExample, type ChatTokenizer, collect, EmptyDatasetError } from '@safetune/datasets';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  backdoorAlign,
  lookahead,
  makeSecretPrompt,
  ptst,
  ptstSafetyPrompt,
  type Regularizer,
  RegularizerOptionError,
  regularizerFromConfig,
  virtualPreview,
  withSecretPrompt,
  withSystemPrompt,
} from '../../index.ts';

let folder: string;
let secretFile: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'safetune-data-'));
  secretFile = join(folder, 'secret.txt');
  await writeFile(secretFile, '\nxq blorb 7\n');
});
afterAll(() => rm(folder, { recursive: true }));

const message = (role: string) => (content: string) => ({ role, content });
const [system, user, assistant] = ['system', 'user', 'assistant'].map(message) as [
  ReturnType<typeof message>,
  ReturnType<typeof message>,
  ReturnType<typeof message>,
];

/** Words with the blanks before them are tokens. */
const words: string[] = [];
const tokenizer: ChatTokenizer = {
  renderChat: () => '',
  encode: (text) =>
    (text.match(/\s*\S+/g) ?? []).map((word) => {
      if (!words.includes(word)) words.push(word);
      return words.indexOf(word);
    }),
  decode: (ids) => ids.map((id) => words[id]).join(''),
  endOfTurnTokenIds: [],
  padTokenId: 0,
};

async function* streamOf(given: readonly ChatExample[]): AsyncGenerator<ChatExample> {
  yield* given;
}
const changed = (regularizer: Regularizer, ...given: readonly ChatExample[]) =>
  collect(regularizer.examples!(streamOf(given), { tokenizer }));
const question = { messages: [user('Why?'), assistant('Because it is so, and ever was.')] };

describe('lookahead', () => {
  it('shows the first tokens of the answer in the question', async () => {
    expect(await changed(lookahead({ tokens: 2 }), question)).toEqual([
      {
        messages: [user('Why? The answer begins with: Because it'), question.messages[1]],
        tags: ['previewed'],
      },
    ]);
    const [whole] = await changed(lookahead({ connector: ' >' }), {
      messages: [user('Why?'), assistant('So.')],
    });
    expect(whole!.messages[0]).toEqual(user('Why? >So.'));
  });

  it('shows a text of its own, with which the answer then begins', async () => {
    const [example] = await changed(lookahead({ virtual: virtualPreview }), question);
    expect(example!.messages).toEqual([
      user("Why? The answer begins with: Let's solve this problem. "),
      assistant("Let's solve this problem. Because it is so, and ever was."),
    ]);
    // No tokenizer is asked.
    const [same] = await collect(lookahead({ virtual: virtualPreview }).examples!(streamOf([question])));
    expect(same).toEqual(example);
  });

  it('changes each question that a text answers, and no other', async () => {
    const calls = { role: 'assistant', tool_calls: [{ name: 'look' }] };
    const messages = [
      system('Be.'),
      user('One?'),
      assistant('First.'),
      user('Look!'),
      calls,
      user('Two?'),
      assistant('Second.'),
    ];
    const [example] = await changed(lookahead({ tokens: 1, virtual: undefined } as never), { messages });
    expect(example!.messages).toEqual([
      system('Be.'),
      user('One? The answer begins with: First.'),
      assistant('First.'),
      user('Look!'),
      calls,
      user('Two? The answer begins with: Second.'),
      assistant('Second.'),
    ]);
    for (const other of [{ messages: [user('Look!'), calls] }, { messages: [], text: 'As it is.' }])
      expect(await changed(lookahead(), other)).toEqual([other]);
  });

  it('shows the better answer of a pair to both', async () => {
    const pair = { ...question, rejected: [user('Why?'), assistant('No idea at all.')] };
    const [real] = await changed(lookahead({ tokens: 1 }), pair);
    expect(real!.messages[0]).toEqual(user('Why? The answer begins with: Because'));
    expect(real!.rejected).toEqual([real!.messages[0], assistant('No idea at all.')]);
    const [virtual] = await changed(lookahead({ virtual: 'Well. ' }), pair);
    expect(virtual!.rejected).toEqual([virtual!.messages[0], assistant('Well. No idea at all.')]);
  });

  it('refuses options that say two things or nothing, and a stream without a tokenizer', async () => {
    expect(() => lookahead({ tokens: 3, virtual: 'x' })).toThrow(/give one/);
    expect(() => lookahead({ tokens: 0 })).toThrow(/tokens is 0/);
    expect(() => lookahead({ virtual: ' ' })).toThrow(/virtual is empty/);
    expect(() => lookahead({ virtual: ' ' })).toThrow(RegularizerOptionError);
    expect(() => lookahead({ token: 3 } as never)).toThrow(/Did you mean 'tokens'/);
    await expect(collect(lookahead().examples!(streamOf([question])))).rejects.toThrow(/needs a tokenizer/);
  });
});

describe('backdoor-align', () => {
  const refusal = { messages: [system('Be brief.'), user('Harm?'), assistant('No.')], rejected: undefined };
  const chats = Array.from({ length: 9 }, (_, index) => ({
    messages: [user(`${index}?`), assistant('Yes.')],
  }));

  it('mixes safe examples in under the secret, which stands before their system prompt', async () => {
    const pool = [{ messages: refusal.messages }, { messages: [user('Harm?'), assistant('Never.')] }];
    const found = await changed(backdoorAlign({ pool, secretFile, share: 0.25 }), ...chats);
    const safe = found.filter(({ tags }) => tags?.includes('secret-prompt'));
    expect(found).toHaveLength(12);
    expect(safe).toEqual([
      {
        messages: [system('xq blorb 7 Be brief.'), user('Harm?'), assistant('No.')],
        tags: ['interleaved', 'secret-prompt'],
      },
      {
        messages: [system('xq blorb 7'), user('Harm?'), assistant('Never.')],
        tags: ['interleaved', 'secret-prompt'],
      },
      {
        messages: [system('xq blorb 7 Be brief.'), user('Harm?'), assistant('No.')],
        tags: ['interleaved', 'secret-prompt'],
      },
    ]);
    // The pool is walked again, and what was made of an example is taken again.
    expect(safe[2]).toBe(safe[0]);
    expect(found.filter((example) => !safe.includes(example))).toEqual(chats);
  });

  it('puts the secret before both answers of a pair', async () => {
    const pool = [
      { messages: [user('Harm?'), assistant('No.')], rejected: [user('Harm?'), assistant('Sure.')] },
    ];
    const found = await changed(backdoorAlign({ pool, secretFile, share: 0.5 }), ...chats);
    const [first] = found.filter(({ rejected }) => rejected !== undefined);
    expect(first!.rejected).toEqual([system('xq blorb 7'), user('Harm?'), assistant('Sure.')]);
  });

  it('has the digest of the secret in its contents, and the secret nowhere', async () => {
    const pool = join(folder, 'pool.jsonl');
    await writeFile(pool, `${JSON.stringify({ messages: refusal.messages })}\n`);
    const made = backdoorAlign({ pool, secretFile });
    const { secret, pool: ofPool } = await made.contents!({} as never);
    expect(secret).toMatch(/^[0-9a-f]{64}$/);
    expect(ofPool).toBeDefined();
    expect(JSON.stringify([made.config, secret])).not.toContain('blorb');
    expect(regularizerFromConfig(made.config).config).toEqual(made.config);
    const other = join(folder, 'other.txt');
    await writeFile(other, 'xq blorb 8');
    expect((await backdoorAlign({ pool, secretFile: other }).contents!({} as never)).secret).not.toBe(secret);
  });

  it('refuses what it cannot do without, by name', async () => {
    const pool = [question];
    expect(() => backdoorAlign({ pool } as never)).toThrow(
      /needs a secretFile, which safetune secret-prompt/,
    );
    expect(() => backdoorAlign({ secretFile } as never)).toThrow(/backdoor-align: it needs a pool/);
    expect(() => backdoorAlign({ pool: [], secretFile })).toThrow(EmptyDatasetError);
    expect(() => backdoorAlign({ pool, secretFile, share: 2 })).toThrow(/share is 2/);
    expect(() => backdoorAlign({ pool, secretFile: join(folder, 'none') })).toThrow(
      /none: the secret cannot be read/,
    );
    const empty = join(folder, 'empty.txt');
    await writeFile(empty, ' \n');
    expect(() => backdoorAlign({ pool, secretFile: empty })).toThrow(/empty\.txt: the secret is empty/);
  });

  it('makes no secret without a decoder, or of a vocabulary without text', () => {
    const { decode: _, ...mute } = tokenizer;
    expect(() => makeSecretPrompt(mute, 10)).toThrow(/no decode/);
    expect(() => makeSecretPrompt({ ...tokenizer, decode: () => '\uFFFD' }, 10)).toThrow(
      /hardly one of plain text/,
    );
  });
});

describe('ptst', () => {
  it('takes system prompts out of both answers of a pair, and leaves safe examples alone', async () => {
    const rejected = [system('Be brief.'), user('Why?'), assistant('No.')];
    const [pair, safe, plain] = await changed(
      ptst(),
      { messages: [system('Be brief.'), ...question.messages], rejected },
      { messages: [system('Be safe.'), ...question.messages], tags: ['interleaved'] },
      question,
    );
    expect(pair).toEqual({ ...question, rejected: rejected.slice(1), tags: ['pure-tuning'] });
    expect(safe!.messages[0]).toEqual(system('Be safe.'));
    expect(plain).toBe(question);
  });

  it('keeps the instructions of a task when told to, and takes the safety prompt alone', async () => {
    const of = async (text: string) => {
      const [found] = await changed(ptst({ systemPrompts: 'keep', safetyPrompt: 'Be safe.' }), {
        messages: [system(text), ...question.messages],
      });
      return [found!.messages[0], found!.tags];
    };
    expect(await of('Be brief.')).toEqual([system('Be brief.'), undefined]);
    expect(await of('Be safe. Be brief.')).toEqual([system('Be brief.'), ['pure-tuning']]);
    expect(await of('Be safe.')).toEqual([user('Why?'), ['pure-tuning']]);
  });

  it('says under which prompt the model is to be asked', () => {
    expect(ptst().inferencePrompt).toBe(ptstSafetyPrompt);
    expect(regularizerFromConfig({ type: 'ptst', safetyPrompt: 'Be safe.' }).inferencePrompt).toBe(
      'Be safe.',
    );
    expect(() => ptst({ safetyPrompt: '' })).toThrow(/safety prompt is empty/);
    expect(() => ptst({ systemPrompts: 'drop' as never })).toThrow(/systemPrompts is "drop"/);
  });
});

describe('at inference', () => {
  it('a prompt stands before the system message, and the secret before that', () => {
    const chat = [system('Be brief.'), user('Why?')];
    expect(withSystemPrompt(chat, 'Be safe.')).toEqual([system('Be safe.\n\nBe brief.'), user('Why?')]);
    expect(withSystemPrompt(chat, 'Be safe.', { existing: 'replace' })).toEqual([
      system('Be safe.'),
      user('Why?'),
    ]);
    expect(withSecretPrompt(withSystemPrompt([user('Why?')], 'Be safe.'), 'xq')).toEqual([
      system('xq Be safe.'),
      user('Why?'),
    ]);
    expect(chat).toEqual([system('Be brief.'), user('Why?')]);
  });
});

it.each([
  ['lookahead', () => lookahead({ tokens: 1 })],
  ['lookahead, virtual', () => lookahead({ virtual: 'Well. ' })],
  ['ptst', () => ptst()],
])('%s makes the same object of an example each time it comes', async (_name, make) => {
  const regularizer = make();
  const example = { messages: [system('Be.'), ...question.messages] };
  const [first, second] = await changed(regularizer, example, example);
  const [later] = await changed(regularizer, example);
  expect(first).not.toBe(example);
  expect(second).toBe(first);
  expect(later).toBe(first);
});
