/** Real weights as a GGUF file in F16, beside the folder of the same weights. */
import { existsSync, mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, inject, it } from 'vitest';
import { loadModel, loadTokenizer } from '../../packages/models/src/index.ts';
import { pythonWith, runPython } from '../python.ts';
import { cacheDirectory } from './checkpoints.ts';
import { recordFigure } from './figures.ts';
import { ourLogits, relativeDifference } from './logits.ts';
import { longIds, questions } from './texts.ts';

const python = pythonWith('gguf', 'pip');

describe.each(inject('checkpoints'))('$name', ({ name, source, folder, missing }) => {
  const reason = missing ?? (python === undefined ? 'no python3 with gguf and pip' : undefined);
  it.skipIf(reason !== undefined)(
    reason === undefined ? 'as F16 GGUF has the same tokens and logits' : `(skipped: ${reason})`,
    async () => {
      const file = join(cacheDirectory, 'gguf', `${name}-f16.gguf`);
      mkdirSync(dirname(file), { recursive: true });
      if (!existsSync(file)) await runPython('real/make_gguf.py', [source, file]);
      const [tokenizer, ggufTokenizer] = [await loadTokenizer(folder), await loadTokenizer(file)];
      expect(questions.map((text) => ggufTokenizer.encode(text))).toEqual(
        questions.map((text) => tokenizer.encode(text)),
      );
      const rows = [...questions.slice(0, 2).map((text) => tokenizer.encode(text)), longIds(tokenizer, 200)];
      const requests = rows.map((row) => ({ row, positions: row.map((_, index) => index) }));
      const expected = await ourLogits(await loadModel(folder), requests);
      const found = relativeDifference(await ourLogits(await loadModel(file), requests), expected);
      recordFigure({
        of: name,
        what: 'F16 GGUF, logits of the folder',
        found: found.toExponential(1),
        bar: '1e-4',
      });
      expect(found).toBeLessThan(1e-4);
    },
  );
});
