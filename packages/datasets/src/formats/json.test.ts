import { describe, expect, it } from 'vitest';
import { chatLine, dataFolder } from '../__fixtures__/data-folder.ts';
import { DatasetFormatError } from '../errors.ts';
import { openDataFile } from './data-file.ts';
import { formatOf } from './formats.ts';
import { json } from './json.ts';
import { jsonItems } from './json-items.ts';

const folder = dataFolder();

async function rowsOf(text: string, pieceLength = text.length) {
  const bytes = Buffer.from(text);
  async function* pieces() {
    for (let from = 0; from < bytes.length; from += pieceLength)
      yield bytes.subarray(from, from + pieceLength);
  }
  const rows: { value: unknown; line: number }[] = [];
  for await (const item of jsonItems(pieces(), 'a.json', 10_000)) {
    rows.push({ value: JSON.parse(item.text), line: item.line });
  }
  return rows;
}

const values = async (text: string, pieceLength?: number) =>
  (await rowsOf(text, pieceLength)).map(({ value }) => value);

const tricky = [
  { a: '}]{["\\', b: [[{ c: '\\"' }], []], d: { e: { f: null } } },
  { 'key"]': 'ä\n€\u{1f600}', list: [1, 2, { x: [] }] },
  {},
];

describe('the rows of a JSON text', () => {
  it.each([
    ['a list', JSON.stringify(tricky)],
    ['a list over lines', JSON.stringify(tricky, null, 2)],
    [
      'the one list of an object',
      JSON.stringify({ version: { n: [1, 2] }, tags: ['x'], data: tricky, about: 'y' }),
    ],
    ['the same over lines', JSON.stringify({ about: 'y', rows: tricky, n: [[]] }, null, 4)],
    ['objects behind each other', tricky.map((row) => JSON.stringify(row, null, 1)).join('\n')],
    ['objects on a line', tricky.map((row) => JSON.stringify(row)).join(' ')],
  ])('are those of %s, however it is cut', async (_name, text) => {
    for (const length of [1, 2, 3, 7, 64, text.length]) expect(await values(text, length)).toEqual(tricky);
  });

  it('begin on lines', async () => {
    const lines = (await rowsOf('[\n {"a": "\\n"},\n\n {\n"a": 1\n}, {"b": 2}\n]', 3)).map(
      ({ line }) => line,
    );
    expect(lines).toEqual([2, 4, 6]);
    const wrapped = await rowsOf('{\n"n": 1,\n"data": [\n{"a": 1},\n{"a": 2}]}');
    expect(wrapped.map(({ line }) => line)).toEqual([4, 5]);
  });

  it('are an object itself that is a conversation, also with tools before it', async () => {
    const row = { tools: [{ name: 'f' }], messages: [{ role: 'user', content: 'x' }], metadata: [{ a: 1 }] };
    expect(await values(JSON.stringify(row, null, 2), 5)).toEqual([row]);
  });

  it.each([
    ['[{"a": 1} {"a": 2}]', 1, /'\{' stands where a comma or \] should/],
    ['[{"a": 1},\n,{"a": 2}]', 2, /begins with ','/],
    ['[{"a": 1},\n]', 2, /begins with '\]'/],
    ['[\n"a"]', 2, /begins with '"', but every row must be an object/],
    ['{"a": 1}\n]', 2, /'\]' stands where a list or an object should/],
    ['[{"a": 1},\n{"a": "x', 2, /the file ends within the object that begins on line 2.*cut off/],
    ['[{"a": 1},\n', 2, /the file ends within its list/],
    ['{"data": [{"a": 1}],\n', 2, /the file ends within the object/],
    ['{"train": [{"a": 1}],\n"test": [{"a": 2}]}', 2, /two lists of rows, "train" and "test".*jq/],
    [`[{"a": "${'x'.repeat(10_000)}"}]`, 1, /longer than 10000 bytes/],
  ])('are refused when it is none: %s', async (text, line, message) => {
    for (const length of [1, 5, text.length]) {
      const error = await values(text, length).catch((reason: unknown) => reason);
      expect(DatasetFormatError.isInstance(error)).toBe(true);
      expect(error).toMatchObject({ file: 'a.json', line, message: expect.stringMatching(message) });
    }
  });
});

describe('telling JSON from JSON Lines', () => {
  const two = `${chatLine('a')}\n${chatLine('b')}\n`;
  it.each([
    ['jsonl', two, 'json'],
    ['jsonl', two, 'txt'],
    ['jsonl', `\ufeff\n${two}`, ''],
    ['jsonl', chatLine('a'), 'jsonl'],
    ['jsonl', '{"messages": [\n', 'jsonl'],
    ['json', chatLine('a'), 'json'],
    ['json', `[${chatLine('a')}]`, 'jsonl'],
    ['json', `{"data":\n[${chatLine('a')}]}`, 'txt'],
    ['json', JSON.stringify({ data: [JSON.parse(chatLine('a'))] }), ''],
  ])('%s: %j in a file .%s', async (name, text, ending) => {
    const file = await openDataFile(await folder.write(`${crypto.randomUUID()}.${ending}`, text), 1e6);
    expect(formatOf(file, undefined).name).toBe(name);
  });

  it('what is no JSON inside is told with its line', async () => {
    const file = await openDataFile(await folder.write('bad.json', '[\n{"a": 1},\n{"a": nul}]'), 1e6);
    const rows = json.rows(file);
    await rows.next();
    await expect(rows.next()).rejects.toThrow(/bad\.json:3: not JSON \(.*Correct the object/);
  });
});
