import { describe, expect, it } from 'vitest';
import { dataFolder } from '../__fixtures__/data-folder.ts';
import { DatasetFormatError } from '../errors.ts';
import { openDataFile } from './data-file.ts';
import { formatOf } from './formats.ts';

const folder = dataFolder();

async function rowsOf(content: string | Buffer, ending = 'csv') {
  const path = await folder.write(`${crypto.randomUUID()}.${ending}`, content);
  const file = await openDataFile(path, 5000);
  const rows: (readonly [number, unknown])[] = [];
  for await (const { value, origin } of formatOf(file, undefined).rows(file)) rows.push([origin.line, value]);
  return rows;
}

describe('CSV', () => {
  it('gives the records with the lines on which they begin', async () => {
    const text = 'prompt,response\n"a ""quoted"", word","two\nlines"\n\nb,\n"\n","c\n\n"\nd,e';
    expect(await rowsOf(text)).toEqual([
      [2, { prompt: 'a "quoted", word', response: 'two\nlines' }],
      [5, { prompt: 'b', response: '' }],
      [6, { prompt: '\n', response: 'c\n\n' }],
      [10, { prompt: 'd', response: 'e' }],
    ]);
  });

  it('reads CRLF, byte order marks, and names with spaces around them', async () => {
    const text = '\ufeffprompt, response \r\n"x\r\ny",3\r\n\r\n5,6\r\n';
    expect(await rowsOf(text)).toEqual([
      [2, { prompt: 'x\r\ny', response: '3' }],
      [5, { prompt: '5', response: '6' }],
    ]);
  });

  it.each([
    ['tsv', 'a,b\tc\n1\t2,5\n', { 'a,b': '1', c: '2,5' }],
    ['csv', 'a;"b,c,d";e\n1;2,5;3\n', { a: '1', 'b,c,d': '2,5', e: '3' }],
    ['dat', 'a|b\n1|2\n', { a: '1', b: '2' }],
    ['csv', 'text\n1\n', { text: '1' }],
    ['csv', '__proto__,a\n1,2\n', JSON.parse('{"__proto__": "1", "a": "2"}')],
  ])('finds the separator (.%s): %j', async (ending, text, row) => {
    expect(await rowsOf(text, ending)).toEqual([[2, row]]);
  });

  it.each([
    ['a,b\n1,2\n\n1,"2\n3,4\n', 4, /a quote is opened in the record that begins here, and never closed/],
    ['a,b\n"x\ny",2\n1,"2"3\n', 4, /bad quotes .*Invalid Closing Quote.*twice/],
    ['a,b\n1,2"3"\n', 2, /bad quotes .*Invalid Opening Quote/],
    ['a,b\n1,2\n1,2,3\n', 3, /3 values, but the first line names 2 columns \(a, b\)/],
    ['a,b\n1\n', 2, /1 values/],
    ['a,b,a\n1,2,3\n', 1, /two columns are called "a"/],
    [`a,b\n1,2\n3,"${'x'.repeat(6000)}"\n`, 3, /longer than 5000 bytes/],
    [Buffer.from('a,b\n1,2\n3,\xe4\n', 'latin1'), 3, /not valid UTF-8.*Save the file as UTF-8/],
  ])('refuses what is no table: %j', async (content, line, message) => {
    const error = await rowsOf(content).catch((reason: unknown) => reason);
    expect(DatasetFormatError.isInstance(error)).toBe(true);
    expect(error).toMatchObject({ line, message: expect.stringMatching(message) });
  });
});
