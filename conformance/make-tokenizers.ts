/**
 * Asks Python `tokenizers` about the finds and writes `goldens/tokenizers.json`.
 *
 * ```sh
 * node --conditions=safetune-source conformance/make-tokenizers.ts
 * ```
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { askTokenizers } from './python-tokenizers.ts';
import { tokenizerFinds } from './tokenizer-finds.ts';

const answers = await askTokenizers(Object.values(tokenizerFinds));
const lines = Object.keys(tokenizerFinds).map(
  (name, index) => `${JSON.stringify(name)}: ${JSON.stringify(answers[index])}`,
);
await writeFile(join(import.meta.dirname, 'goldens', 'tokenizers.json'), `{\n${lines.join(',\n')}\n}\n`);
console.log(JSON.stringify({ finds: lines.length }));
