import { it } from 'vitest';
import { fuzzInMemory, mutateJson } from '../../../../conformance/mutations.ts';
import { Random } from '../../../../conformance/random.ts';
import { randomTokenizerCase } from '../../../../conformance/tokenizer-cases.ts';
import { TextTokenizer } from './text-tokenizer.ts';

it("a stranger's tokenizer.json is refused, or reads and writes text", async () => {
  const cases = Array.from({ length: 400 }, (_, seed) => randomTokenizerCase(new Random(seed), 0));
  const originals = cases.map(({ tokenizer }) => JSON.stringify(tokenizer)).filter(isRead);
  await fuzzInMemory({
    name: 'tokenizers',
    tries: 3500,
    mutate: (random) => mutateJson(random, originals),
    read(content) {
      const tokenizer = new TextTokenizer('tokenizer.json', content);
      const ids = tokenizer.encode('Hello,  world 123 \u{1f600} \u0301\n');
      const strange = ids.find((id) => !Number.isSafeInteger(id) || id < 0);
      if (strange !== undefined) throw new Error(`${strange} is no token id`);
      tokenizer.decode(ids, false);
    },
  });
});

function isRead(tokenizer: string): boolean {
  try {
    new TextTokenizer('tokenizer.json', JSON.parse(tokenizer));
    return true;
  } catch {
    return false;
  }
}
