import { appendFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { temporaryFolder } from './__fixtures__/temporary-folder.ts';
import { JournalCorruptError, JournalMismatchError } from './errors.ts';
import { openJournal } from './journal.ts';

const facts = { seed: 1, source: 'model', 'judge.model': 'small' };
const at = (sampleIndex: number) => ({ questionId: 'a', paraphraseIndex: 0, sampleIndex });

async function journalPath(): Promise<string> {
  return join(await temporaryFolder(), 'made on the way', 'journal.jsonl');
}

describe('openJournal', () => {
  test('gives back what was recorded, after closing and opening again', async () => {
    const path = await journalPath();
    const journal = openJournal(path, facts);
    journal.recordAnswer(at(0), 'first,\n"quoted" — \ud83d\ude00 \ud800');
    journal.recordVerdict(at(0), { aligned: 12.5, coherent: null, label: 'refusal', otherScores: { x: 1 } });
    journal.close();
    const again = openJournal(path, facts);
    expect(again.answer(at(0))).toBe('first,\n"quoted" — \ud83d\ude00 \ud800');
    expect(again.verdict(at(0))).toEqual({
      aligned: 12.5,
      coherent: null,
      label: 'refusal',
      otherScores: { x: 1 },
    });
    expect(again.answer(at(1))).toBeUndefined();
    again.close();
  });

  test('does not keep a verdict that never came about', async () => {
    const path = await journalPath();
    const journal = openJournal(path, facts);
    journal.recordVerdict(at(0), { aligned: null, coherent: null, error: 'refused' });
    expect(journal.verdict(at(0))).toBeUndefined();
    journal.close();
    expect((await readFile(path, 'utf8')).split('\n')).toHaveLength(2);
  });

  test.each([1, 7, 40])('cuts off a last line torn %i bytes before its end, and goes on', async (missing) => {
    const path = await journalPath();
    const journal = openJournal(path, facts);
    journal.recordAnswer(at(0), 'kept');
    journal.recordAnswer(at(1), 'torn: ééééééééééé');
    journal.close();
    const bytes = await readFile(path);
    await writeFile(path, bytes.subarray(0, bytes.length - missing));
    const resumed = openJournal(path, facts);
    expect(resumed.answer(at(0))).toBe('kept');
    expect(resumed.answer(at(1))).toBeUndefined();
    resumed.recordAnswer(at(1), 'torn: ééééééééééé');
    resumed.close();
    expect(await readFile(path)).toEqual(bytes);
  });

  test('begins anew when even the first line is torn', async () => {
    const path = join(await temporaryFolder(), 'journal.jsonl');
    await writeFile(path, '{"kind":"run","ver');
    openJournal(path, facts).close();
    expect(JSON.parse(await readFile(path, 'utf8'))).toEqual({ kind: 'run', version: 1, facts });
  });

  test('refuses another evaluation’s journal and says what differs', async () => {
    const path = await journalPath();
    openJournal(path, facts).close();
    const before = await readFile(path, 'utf8');
    const open = () => openJournal(path, { seed: 2, source: 'model', 'judge.mass': 0.25 });
    expect(open).toThrow(JournalMismatchError);
    expect(open).toThrow(
      expect.objectContaining({
        path,
        differences: [
          'seed: 1 in the journal, 2 now',
          'judge.model: "small" in the journal, nothing now',
          'judge.mass: nothing in the journal, 0.25 now',
        ],
        message: expect.stringContaining('an output directory of its own, or delete the journal'),
      }),
    );
    expect(await readFile(path, 'utf8')).toBe(before);
  });

  test.each([
    ['not JSON', 'what?'],
    [
      'a score out of range',
      '{"kind":"verdict","questionId":"a","paraphraseIndex":0,"sampleIndex":0,"verdict":{"aligned":101,"coherent":1}}',
    ],
    ['of no known kind', '{"kind":"else"}'],
  ])('refuses a complete line that is %s, and names it', async (_, line) => {
    const path = await journalPath();
    openJournal(path, facts).close();
    await appendFile(path, `${line}\n`);
    expect(() => openJournal(path, facts)).toThrow(JournalCorruptError);
    expect(() => openJournal(path, facts)).toThrow('line 2');
  });

  test('refuses a place where no file can be', async () => {
    const folder = await temporaryFolder();
    expect(() => openJournal(folder, facts)).toThrow(JournalCorruptError);
  });
});
