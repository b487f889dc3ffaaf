import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { InvalidOptionError } from '../errors.ts';
import { printable } from '../printable.ts';
import { parseYaml } from '../questions/yaml-text.ts';
import type { TokenPrice } from './token-meter.ts';

const price = z.number('must be a number from 0').min(0, 'must be a number from 0');
const prices = z.record(
  z.string(),
  z.strictObject(
    { prompt_per_million: price, completion_per_million: price },
    'must have prompt_per_million and completion_per_million, and nothing else',
  ),
  'must name models and their prices',
);

/**
 * Reads what tokens cost from a YAML or JSON file: by the model's name, `prompt_per_million` and `completion_per_million`, in any
 * currency.
 *
 * @throws {InvalidOptionError} naming the file and what is wrong in it.
 */
export async function readPrices(path: string): Promise<Readonly<Record<string, TokenPrice>>> {
  const refuse = (message: string, cause: unknown): never => {
    throw new InvalidOptionError('prices', `${path}: ${printable(message)}`, { cause });
  };
  let value: unknown;
  try {
    ({ value } = parseYaml(await readFile(path, 'utf8')));
  } catch (cause) {
    return refuse(`cannot be read (${(cause as Error).message})`, cause);
  }
  const parsed = prices.safeParse(value);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    return refuse(`${issue!.path.join('.') || 'the file'} ${issue!.message}`, parsed.error);
  }
  return Object.fromEntries(
    Object.entries(parsed.data).map(([model, { prompt_per_million, completion_per_million }]) => [
      model,
      { promptPerMillion: prompt_per_million, completionPerMillion: completion_per_million },
    ]),
  );
}
