import { describe, expect, it } from 'vitest';
import type { ChatExample } from '../example/example.ts';
import type { ChatMessage } from '../example/message.ts';
import { type DataCheck, type Finding, spokenTexts } from './data-check.ts';
import { duplicatesCheck } from './duplicates.ts';
import { emptyMessagesCheck } from './empty-messages.ts';
import { invisibleCharactersCheck } from './invisible-characters.ts';
import { personalDataCheck } from './personal-data.ts';
import { questionOverlapCheck } from './question-overlap.ts';
import { isRefusal, refusalsCheck } from './refusals.ts';
import { roleOrderCheck } from './role-order.ts';
import { secretsCheck } from './secrets.ts';
import { writingSystem } from './writing-system.ts';

const chat = (answer: string, question = 'Why?'): ChatExample => ({
  messages: [
    { role: 'user', content: question },
    { role: 'assistant', content: answer },
  ],
});
let index = 0;
const find = (check: DataCheck, example: ChatExample): readonly Finding[] => {
  index += 1;
  return check.find({ example, index, texts: spokenTexts(example) });
};
const kinds = (check: DataCheck, answer: string) => find(check, chat(answer)).map(({ kind }) => kind);

/** Lines of 200,000 characters that look like the beginning of something, again and again. */
const hostile = [
  'eyJaaaaaaaaaa-',
  'a',
  '1',
  '+1 ',
  '-----BEGIN A ',
  'sk-',
  'a@',
  'x:',
  '\u200d',
  '\u{e0041}',
  'дa',
  ' ',
  'a://b:',
].map((part) => part.repeat(Math.ceil(200_000 / part.length)));

describe('secrets', () => {
  const check = secretsCheck();
  const random = 'a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8';
  it.each([
    ['AKIAQWERTYUIOPASDFGH', 'AWS access key'],
    [`ghp_${random}`, 'GitHub token'],
    [`glpat-${random.slice(0, 20)}`, 'GitLab token'],
    [`xoxb-294857361029-${random}`, 'Slack token'],
    [`sk-ant-api03-${random}`, 'Anthropic key'],
    [`sk-proj-${random}`, 'OpenAI key'],
    [`AIza${random.slice(0, 35)}`, 'Google API key'],
    [`sk_live_${random}`, 'Stripe key'],
    [`hf_${random}`, 'Hugging Face token'],
    [`npm_${random}`, 'npm token'],
    [`8912463578:AA${random.slice(0, 33)}`, 'Telegram bot token'],
    ['eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJqYW5lIn0.Zm9vYmFyYmF6cXV4MTI', 'JSON web token'],
    [`Authorization: Bearer ${random}`, 'bearer token'],
    ['postgres://admin:h7Kq2mZp@db.acme.io/x', 'password in an address'],
    [`api_key = "${random.slice(0, 20)}"`, 'assigned secret'],
    ['-----BEGIN RSA PRIVATE KEY-----\nMIIE', 'private key'],
    ['-----BEGIN OPENSSH PRIVATE KEY-----', 'private key'],
  ])('%s', (text, kind) => {
    const found = find(check, chat(`Take ${text} and go`));
    expect(found.map((finding) => finding.kind)).toContain(kind);
    expect(found[0]).toMatchObject({ message: 1 });
    expect(JSON.stringify(found)).not.toContain(text.slice(-12));
  });

  it.each([
    'AKIAIOSFODNN7EXAMPLE',
    'api_key = "your_api_key_here"',
    'sk-xxxxxxxxxxxxxxxxxxxxxxxx',
    'password = "correct horse battery"',
    'postgres://user:password@host/db',
    'token: "<TOKEN>"',
    '-----BEGIN PUBLIC KEY-----',
    'ghp_short',
    'The secret: "honesty-and-patience"',
  ])('takes %s for none', (text) => {
    expect(kinds(check, text)).toEqual([]);
  });

  it('looks into tool calls and thoughts', () => {
    const messages: ChatMessage[] = [
      { role: 'user', content: 'Why?' },
      {
        role: 'assistant',
        content: '',
        reasoning_content: 'AKIAQWERTYUIOPASDFGH',
        tool_calls: [{ function: { name: 'f', arguments: { key: `hf_${random}` } } }],
      },
    ];
    expect(find(check, { messages }).map(({ kind }) => kind)).toEqual([
      'AWS access key',
      'Hugging Face token',
    ]);
  });
});

describe('personal data', () => {
  const check = personalDataCheck();
  it.each([
    ['jane.doe+x@acme.co.uk', ['email address']],
    ['jane@example.com, a@b.test, joe@host.invalid', []],
    ['+49 170 1234567', ['phone number']],
    ['(212) 736-5000', ['phone number']],
    ['212-555-0147', []],
    ['version 1.2.3, 2026-11-26, 100 200 300', []],
    ['5425 2334 3010 9903', ['card number']],
    ['5425 2334 3010 9904', []],
    ['DE89 3704 0044 0532 0130 00', ['bank account (IBAN)']],
    ['DE88 3704 0044 0532 0130 00', []],
  ])('%s', (text, expected) => {
    expect(kinds(check, text)).toEqual(expected);
  });
});

describe('invisible', () => {
  const check = invisibleCharactersCheck();
  it.each([
    ['plain, naïve 你好 مرحبا привет α-helix μm', []],
    ['👩‍🔬 ☠️ 🏴󠁧󠁢󠁥󠁮󠁧󠁿 👍🏽', []],
    ['می‌خواهم क्‍ष', []],
    ['a\u200bb', ['zero width']],
    ['in\u200dvisible', ['zero width']],
    ['\u202eevil\u202c', ['bidi control']],
    ['hi\u{e0048}\u{e0049}', ['tag character']],
    ['😀\u{fe01}\u{fe02}', ['variation selector']],
    ['a\u{e0101}', ['variation selector']],
    ['h\u{fe01}i\u{fe0f}', ['variation selector']],
    ['1\u{fe0f}\u{20e3} ℹ\u{fe0f} ☎\u{fe0e} ≨\u{fe00} 龍\u{fe00}', []],
    ['🏴\u{e0069}\u{e0067}\u{e006e}\u{e006f}\u{e0072}\u{e0065}\u{e007f}', ['tag character']],
    ['🏴\u{e0067}\u{e0062}\u{e0073}\u{e0063}\u{e0074}\u{e007f}', []],
    ['🏴\u{e0067}\u{e0062}\u{e0073}\u{e0063}\u{e0074}\u{e007f}\u{e0061}', ['tag character']],
    ['ภาษา\u{200b}ไทย ភាសា\u{200b}ខ្មែរ', []],
    ['ภาษา\u{200b}\u{200b}ไทย', ['zero width']],
    ['שלום\u{200f}, A\u{200e}', []],
    ['a\u{200e}\u{200f}\u{200e}b', ['bidi control']],
    ['葛\u{e0100}', []],
    ['a\u0007b', ['control character']],
    ['a\r\n\tb', []],
    ['\u3164', ['blank that is a letter']],
    ['a\u00adb', ['invisible format']],
    ['\ue000', ['private character']],
    ['\ud800', ['half of a character']],
    ['caf\ufffd', ['replacement character']],
    ['раypal', ['mixed scripts in a word']],
    ['Αpple', ['mixed scripts in a word']],
  ])('%j', (text, expected) => {
    expect(kinds(check, text)).toEqual(expected);
  });

  it('tells how often, and the code point', () => {
    expect(find(check, chat('a\u200b\u200bb'))).toEqual([
      { kind: 'zero width', message: 1, detail: '2 times, first U+200B' },
    ]);
  });
});

describe('roles', () => {
  const order = (...roles: readonly string[]) => ({
    messages: roles.map((role) =>
      role === 'call' ? { role: 'assistant', tool_calls: [{ name: 'f' }] } : { role, content: 'x' },
    ),
  });
  it.each([
    [['system', 'user', 'assistant'], []],
    [['user', 'call', 'tool', 'tool', 'assistant', 'user', 'assistant'], []],
    [['assistant'], ['answer without a question']],
    [['user', 'user', 'assistant'], ['two user messages in a row']],
    [['user', 'assistant', 'assistant'], ['two assistant messages in a row']],
    [
      ['user', 'system', 'assistant'],
      ['system message behind the first', 'answer without a question'],
    ],
    [['user', 'assistant', 'user'], ['does not end with an answer']],
    [['user', 'tool', 'assistant'], ['tool result without a call']],
    [['user', 'call', 'user', 'assistant'], ['tool call without a result']],
  ])('%j', (roles, expected) => {
    expect(find(roleOrderCheck(), order(...roles)).map(({ kind }) => kind)).toEqual(expected);
  });
});

describe('empty and refusals', () => {
  it.each([
    ['', ['empty answer']],
    [' \u200b\ufeff', ['empty answer']],
    ['.', []],
  ])('%j', (text, expected) => {
    expect(kinds(emptyMessagesCheck(), text)).toEqual(expected);
  });

  it('tells thoughts without an answer, and empty questions', () => {
    const messages = [
      { role: 'user', content: ' ' },
      { role: 'assistant', content: '', reasoning_content: 'Hm' },
    ];
    expect(find(emptyMessagesCheck(), { messages })).toEqual([
      { kind: 'empty question', message: 0 },
      { kind: 'answer of thoughts only', message: 1 },
    ]);
  });

  it('finds refusals by the words given', () => {
    expect(kinds(refusalsCheck(), "I'm sorry, no.")).toEqual(['refusal']);
    expect(kinds(refusalsCheck(['as an ai']), "I'm sorry, no.")).toEqual([]);
    expect(isRefusal('As an AI, no', ['as an ai'])).toBe(true);
  });
});

describe('overlap', () => {
  const check = questionOverlapCheck(['How was your day at the office?', 'Really?']);
  it.each([
    ['So, HOW was your day at the office, friend?', [['same question', 'question 1']]],
    ['how was your day in the shop', []],
    ['How was your long day at the office?', []],
    ['Really', [['same question', 'question 2']]],
    ['Really now', []],
  ])('%s', (question, expected) => {
    const found = find(check, chat('x', question));
    expect(found.map(({ kind, detail }) => [kind, detail])).toEqual(expected);
  });

  it('takes a longer question as alike when most of it is there', () => {
    const long = questionOverlapCheck(['one two three four five six seven eight nine ten eleven twelve']);
    expect(
      find(long, chat('x', 'one two three four five six seven eight nine ten eleven')).map(
        ({ kind }) => kind,
      ),
    ).toEqual(['alike']);
  });
});

describe('duplicates', () => {
  it('tells exact ones, near ones, and neither from what only shares a system prompt', () => {
    const check = duplicatesCheck();
    const long = 'the quick brown fox jumps over the lazy dog and runs far away from the old farm';
    const system = { role: 'system', content: `${long} ${long.split(' ').toReversed().join(' ')}` };
    const under = (example: ChatExample) => ({ messages: [system, ...example.messages] });
    const found = [
      under(chat(long)),
      under(chat('something else entirely')),
      under(chat(long)),
      under(chat(`${long} today`)),
    ].map((example, place) => check.find({ example, index: place, texts: spokenTexts(example) }));
    expect(found[0]).toEqual([]);
    expect(found[1]).toEqual([]);
    expect(found[2]).toEqual([{ kind: 'exact', detail: 'example 1' }]);
    expect(found[3]).toMatchObject([
      { kind: 'near', detail: expect.stringMatching(/^example 1, similarity 0\.9/) },
    ]);
  });
});

describe('writingSystem', () => {
  it.each([
    ['Hello, мир', 'Latin'],
    ['Привет', 'Cyrillic'],
    ['我喜欢猫', 'Han'],
    ['私は猫が好き', 'Japanese'],
    ['안녕', 'Hangul'],
    ['مرحبا', 'Arabic'],
    ['123 !', 'other'],
  ])('%s', (text, expected) => {
    expect(writingSystem(text)).toBe(expected);
  });
});

describe('hostile texts', () => {
  it.each(hostile.map((text) => [text.slice(0, 14), text]))('%j by the hundred thousand ends', (_, text) => {
    for (const check of [
      secretsCheck(),
      personalDataCheck(),
      invisibleCharactersCheck(),
      emptyMessagesCheck(),
      refusalsCheck(),
      duplicatesCheck(),
      questionOverlapCheck(['How was your day?']),
    ])
      expect(Array.isArray(find(check, chat(text)))).toBe(true);
  });
});
