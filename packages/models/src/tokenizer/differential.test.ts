import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { pythonWith } from '../../../../conformance/python.ts';
import {
  askTokenizers,
  type Failure,
  type TokenizerAnswers,
} from '../../../../conformance/python-tokenizers.ts';
import { Random } from '../../../../conformance/random.ts';
import { compareAnswers } from '../../../../conformance/tokenizer-answers.ts';
import { randomTokenizerCase, type TokenizerCase } from '../../../../conformance/tokenizer-cases.ts';
import { tokenizerFinds } from '../../../../conformance/tokenizer-finds.ts';
import { TextTokenizer } from './text-tokenizer.ts';

const goldens = JSON.parse(
  readFileSync(new URL('../../../../conformance/goldens/tokenizers.json', import.meta.url), 'utf8'),
) as Readonly<Record<string, TokenizerAnswers | Failure>>;

function compare({ tokenizer, texts, decode }: TokenizerCase, expected: TokenizerAnswers | Failure) {
  return compareAnswers(() => new TextTokenizer('tokenizer.json', tokenizer), texts, expected, decode);
}

describe('finds, against what Python tokenizers answered', () => {
  it.each(Object.entries(tokenizerFinds))('%s', (name, find) => {
    const { counts, differences, refusal } = compare(find, goldens[name]!);
    expect(differences).toEqual([]);
    expect(refusal).toBeUndefined();
    expect(counts.equal).toBe(find.texts.length + find.decode.length);
  });
});

describe.skipIf(pythonWith('tokenizers') === undefined)(
  'against Python tokenizers (skipped without it)',
  () => {
    it('answers the finds as it did', async () => {
      expect(await askTokenizers(Object.values(tokenizerFinds))).toEqual(
        Object.keys(tokenizerFinds).map((name) => goldens[name]),
      );
    }, 60_000);

    it('does the same with generated tokenizers on generated texts, or refuses them', async () => {
      const random = new Random(20_261);
      const cases = Array.from({ length: 200 }, () => randomTokenizerCase(random, 8));
      const answers = await askTokenizers(cases);
      const found = cases.map((generated, index) => compare(generated, answers[index]!));
      expect(found.flatMap(({ differences }) => differences)).toEqual([]);
      // What is refused is the exception.
      expect(found.filter(({ refusal }) => refusal === undefined).length).toBeGreaterThan(170);
    }, 120_000);
  },
);
