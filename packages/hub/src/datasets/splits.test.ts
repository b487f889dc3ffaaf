import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { stringify } from 'yaml';
import { configurationsOf } from './configurations.ts';

/** What Python's `datasets` makes of the same files: conformance/make_dataset_splits.py. */
interface Case {
  readonly name: string;
  readonly files: readonly string[];
  readonly configs: unknown;
  readonly splits: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>>;
}

const golden = new URL('../../../../conformance/goldens/dataset-splits.json', import.meta.url);
const cases = JSON.parse(await readFile(golden, 'utf8')) as readonly Case[];

it.each(cases)('as Python: $name', ({ files, configs, splits }) => {
  const readme = configs === null ? undefined : `---\n${stringify({ configs })}---\n# A set\n`;
  const found = configurationsOf(files, readme).map(({ name, splits: own }) => [
    name,
    Object.fromEntries(own),
  ]);
  expect(Object.fromEntries(found)).toEqual(splits);
});

it('a card without configurations, or with other front matter, leaves the names', () => {
  for (const readme of ['# A set\n', '---\nlicense: mit\n---\n', '---\n---\n']) {
    const [only] = configurationsOf(['train.csv'], readme);
    expect([...only!.splits]).toEqual([['train', ['train.csv']]]);
  }
});
