/** Real tokenizers against Python `tokenizers`, on 10,000 texts each. */
import { describe, expect, inject, it } from 'vitest';
import { pythonWith } from '../python.ts';
import { compareFolder } from '../tokenizer-folders.ts';
import { recordFigure } from './figures.ts';

const texts = 10_000;
const python = pythonWith('tokenizers');

describe.each(inject('tokenizers'))('$name', ({ name, folder, missing }) => {
  const reason = missing ?? (python === undefined ? 'no python3 with tokenizers' : undefined);
  it.skipIf(reason !== undefined)(
    reason === undefined ? `reads ${texts} texts as Python does` : `(skipped: ${reason})`,
    async () => {
      const { counts, differences } = await compareFolder(folder, { texts, seed: 11 });
      recordFigure({
        of: name,
        what: `token ids of ${texts} texts`,
        found: `${counts.equal} equal, ${counts.refused} refused`,
        bar: 'all equal',
      });
      expect(differences.slice(0, 5)).toEqual([]);
      expect(counts).toEqual({ equal: texts, refused: 0, different: 0 });
    },
  );
});
