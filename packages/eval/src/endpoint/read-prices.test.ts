import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { temporaryFolder } from '../__fixtures__/temporary-folder.ts';
import { InvalidOptionError } from '../errors.ts';
import { readPrices } from './read-prices.ts';

async function priceFile(text: string): Promise<string> {
  const path = join(await temporaryFolder(), 'prices.yaml');
  await writeFile(path, text);
  return path;
}

test('reads prices by model', async () => {
  const path = await priceFile('small: { prompt_per_million: 0.15, completion_per_million: 0.6 }\n');
  expect(await readPrices(path)).toEqual({ small: { promptPerMillion: 0.15, completionPerMillion: 0.6 } });
});

test.each([
  ['small: { prompt_per_million: 1 }', 'small.completion_per_million must be a number from 0'],
  ['small: { prompt_per_million: -1, completion_per_million: 1 }', 'small.prompt_per_million must be'],
  ['small: { prompt_per_million: 1, completion_per_million: 1, per: 2 }', 'and nothing else'],
  ['- 1', 'the file must name models'],
  ['a: [', 'cannot be read'],
])('refuses %j', async (text, message) => {
  const path = await priceFile(text);
  await expect(readPrices(path)).rejects.toSatisfy(InvalidOptionError.isInstance);
  await expect(readPrices(path)).rejects.toThrow(message);
  await expect(readPrices(path)).rejects.toThrow(path);
});

test('a file that is not there is told', async () => {
  await expect(readPrices('/nowhere/prices.yaml')).rejects.toThrow('/nowhere/prices.yaml: cannot be read');
});
