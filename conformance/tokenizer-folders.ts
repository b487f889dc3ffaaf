import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { TextTokenizer } from '../packages/models/src/tokenizer/text-tokenizer.ts';
import { askTokenizers } from './python-tokenizers.ts';
import { Random } from './random.ts';
import { compareAnswers } from './tokenizer-answers.ts';
import { randomText } from './tokenizer-texts.ts';

/** Compares the `tokenizer.json` of a folder with Python `tokenizers` on so many generated texts, its own tokens among them. */
export async function compareFolder(
  folder: string,
  { texts: count, seed }: { readonly texts: number; readonly seed: number },
): Promise<ReturnType<typeof compareAnswers>> {
  const file = join(folder, 'tokenizer.json');
  const content = JSON.parse(await readFile(file, 'utf8')) as { added_tokens?: { content: string }[] };
  const tokens = (content.added_tokens ?? []).map((token) => token.content);
  const random = new Random(seed);
  const texts = Array.from({ length: count }, () => randomText(random, tokens));
  const [expected] = await askTokenizers([{ tokenizer: file, texts }]);
  return compareAnswers(() => new TextTokenizer(file, content), texts, expected!);
}
