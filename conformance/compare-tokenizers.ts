/**
 * Compares the tokenizers of folders with Python `tokenizers` on generated texts, and says how many are equal, refused or different.
 *
 * ```sh
 * node --conditions=safetune-source conformance/compare-tokenizers.ts [--texts 3000] [--seed 1] FOLDER...
 * ```
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { TextTokenizer } from '../packages/models/src/tokenizer/text-tokenizer.ts';
import { askTokenizers } from './python-tokenizers.ts';
import { Random } from './random.ts';
import { compareAnswers } from './tokenizer-answers.ts';
import { randomText } from './tokenizer-texts.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { texts: { type: 'string', default: '3000' }, seed: { type: 'string', default: '1' } },
});

for (const folder of positionals) {
  const file = join(folder, 'tokenizer.json');
  const content = JSON.parse(await readFile(file, 'utf8')) as { added_tokens?: { content: string }[] };
  const tokens = (content.added_tokens ?? []).map((token) => token.content);
  const random = new Random(Number(values.seed));
  const texts = Array.from({ length: Number(values.texts) }, () => randomText(random, tokens));
  const [expected] = await askTokenizers([{ tokenizer: file, texts }]);
  const { counts, differences } = compareAnswers(() => new TextTokenizer(file, content), texts, expected!);
  console.log(`${folder}: ${counts.equal} equal, ${counts.refused} refused, ${counts.different} different`);
  for (const difference of differences.slice(0, 5)) console.log(`  ${JSON.stringify(difference)}`);
  if (counts.different > 0) process.exitCode = 1;
}
