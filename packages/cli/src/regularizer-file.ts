import { readFile } from 'node:fs/promises';
import { parseYaml } from '@safetune/eval';
import type { RegularizerConfig } from '@safetune/regularizers';
import { z } from 'zod';
import { UsageError } from './usage-error.ts';

const configs = z.array(z.looseObject({ type: z.string() }));

/**
 * Regularizer configs from a YAML (or JSON) file: a list of objects, each with its `type`.
 *
 * @throws UsageError naming the file when it is not such a list.
 */
export async function readRegularizerFile(path: string): Promise<RegularizerConfig[]> {
  let content: unknown;
  try {
    content = parseYaml(await readFile(path, 'utf8')).value;
  } catch (error) {
    throw new UsageError(`${path} cannot be read as YAML: ${(error as Error).message}`);
  }
  const parsed = configs.safeParse(content);
  if (!parsed.success) {
    throw new UsageError(
      `${path} must be a list such as '- {type: kl, weight: 0.1}': ${z.prettifyError(parsed.error)}`,
    );
  }
  return parsed.data;
}
