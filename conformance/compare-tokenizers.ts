/**
 * Compares the tokenizers of folders with Python `tokenizers` on generated texts, and says how many are equal, refused or different.
 *
 * ```sh
 * node --conditions=safetune-source conformance/compare-tokenizers.ts [--texts 3000] [--seed 1] FOLDER...
 * ```
 */
import { parseArgs } from 'node:util';
import { compareFolder } from './tokenizer-folders.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { texts: { type: 'string', default: '3000' }, seed: { type: 'string', default: '1' } },
});

for (const folder of positionals) {
  const { counts, differences } = await compareFolder(folder, {
    texts: Number(values.texts),
    seed: Number(values.seed),
  });
  console.log(`${folder}: ${counts.equal} equal, ${counts.refused} refused, ${counts.different} different`);
  for (const difference of differences.slice(0, 5)) console.log(`  ${JSON.stringify(difference)}`);
  if (counts.different > 0) process.exitCode = 1;
}
