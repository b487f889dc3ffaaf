import { appendFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { temporaryFolder } from '../__fixtures__/temporary-folder.ts';
import { RunFolderError } from '../errors.ts';
import { openRecordFile, readRecordFile } from './record-file.ts';

const schema = z.object({ text: z.string() });
const kept = { text: 'first,\n"quoted" — \ud83d\ude00' };
const torn = { text: 'torn: ééééééééééé' };

async function filled(): Promise<string> {
  const path = join(await temporaryFolder(), 'records.jsonl');
  const file = openRecordFile(path, schema);
  file.append(kept);
  file.append(torn);
  file.close();
  return path;
}

describe('openRecordFile', () => {
  test('gives back what was appended', async () => {
    const path = await filled();
    const file = openRecordFile(path, schema);
    file.close();
    expect(file.records).toEqual([kept, torn]);
    expect(readRecordFile(path, schema)).toEqual([kept, torn]);
  });

  test.each([1, 7, 20])('cuts off a last line torn %i bytes before its end, and goes on', async (missing) => {
    const path = await filled();
    const bytes = await readFile(path);
    await writeFile(path, bytes.subarray(0, bytes.length - missing));
    expect(readRecordFile(path, schema)).toEqual([kept]);
    const file = openRecordFile(path, schema);
    expect(file.records).toEqual([kept]);
    file.append(torn);
    file.close();
    expect(await readFile(path)).toEqual(bytes);
  });

  test.each([
    ['not JSON', 'what?'],
    ['another record', '{"words":1}'],
  ])('refuses a complete line that is %s, names it and leaves the file as it is', async (_, line) => {
    const path = await filled();
    await appendFile(path, `${line}\n`);
    const before = await readFile(path);
    expect(() => openRecordFile(path, schema)).toThrow(RunFolderError);
    expect(() => openRecordFile(path, schema)).toThrow('line 3');
    expect(() => readRecordFile(path, schema)).toThrow('line 3');
    expect(await readFile(path)).toEqual(before);
  });

  test('a file that is not there is begun, or read as empty', async () => {
    const path = join(await temporaryFolder(), 'none.jsonl');
    expect(readRecordFile(path, schema)).toEqual([]);
    const file = openRecordFile(path, schema);
    file.close();
    expect(file.records).toEqual([]);
  });
});
