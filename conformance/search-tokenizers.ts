/**
 * Searches for differences from Python `tokenizers` in generated tokenizers of random settings, and prints each as a small case.
 *
 * ```sh
 * node --conditions=safetune-source conformance/search-tokenizers.ts [--cases 300] [--texts 12] [--seed 1]
 * ```
 */
import { parseArgs } from 'node:util';
import { TextTokenizer } from '../packages/models/src/tokenizer/text-tokenizer.ts';
import { askTokenizers } from './python-tokenizers.ts';
import { Random } from './random.ts';
import { compareAnswers } from './tokenizer-answers.ts';
import { randomTokenizerCase } from './tokenizer-cases.ts';

const { values } = parseArgs({
  options: {
    cases: { type: 'string', default: '300' },
    texts: { type: 'string', default: '12' },
    seed: { type: 'string', default: '1' },
  },
});
const random = new Random(Number(values.seed));
const cases = Array.from({ length: Number(values.cases) }, () =>
  randomTokenizerCase(random, Number(values.texts)),
);
const answers = await askTokenizers(cases);
const total = { equal: 0, refused: 0, different: 0 };
const refusals = new Map<string, number>();
for (const [index, { tokenizer, texts, decode }] of cases.entries()) {
  const { counts, differences, refusal } = compareAnswers(
    () => new TextTokenizer('tokenizer.json', tokenizer),
    texts,
    answers[index]!,
    decode,
  );
  total.equal += counts.equal;
  total.refused += counts.refused;
  total.different += counts.different;
  if (refusal !== undefined) refusals.set(refusal, (refusals.get(refusal) ?? 0) + 1);
  if (differences.length === 0) continue;
  const { model, ...settings } = tokenizer;
  const { vocab: _vocab, merges: _merges, ...modelSettings } = model as Record<string, unknown>;
  console.log(`case ${index}: ${JSON.stringify({ ...settings, model: modelSettings })}`);
  for (const difference of differences.slice(0, 2)) console.log(`  ${JSON.stringify(difference)}`);
}
for (const [refusal, count] of [...refusals].sort((left, right) => right[1] - left[1]))
  console.log(`${count} x ${refusal}`);
console.log(
  `${cases.length} tokenizers: ${total.equal} equal, ${total.refused} refused, ${total.different} different`,
);
if (total.different > 0) process.exitCode = 1;
