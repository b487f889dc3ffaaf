import { readFile } from 'node:fs/promises';
import { parseYaml, YamlTextError } from '@safetune/eval';
import type { RegularizerConfig } from '@safetune/regularizers';
import { UsageError } from './usage-error.ts';

/**
 * Regularizer configs from a YAML (or JSON) file: a list of objects, each with its `type`.
 *
 * @throws UsageError naming the file when it is not such a list, or an empty one: who names a file wants a safeguard.
 */
export async function readRegularizerFile(path: string): Promise<RegularizerConfig[]> {
  let content: unknown;
  try {
    content = parseYaml(await readFile(path, 'utf8')).value;
  } catch (error) {
    const line = YamlTextError.isInstance(error) && error.line !== undefined ? `:${error.line}` : '';
    throw new UsageError(`${path}${line} cannot be read as YAML: ${(error as Error).message}`);
  }
  const example = "'- {type: kl, weight: 0.1}'";
  if (content === null || content === undefined || (Array.isArray(content) && content.length === 0)) {
    throw new UsageError(
      `${path} lists no safeguard: write some, such as ${example}, or leave --regularizers out`,
    );
  }
  if (!Array.isArray(content)) throw new UsageError(`${path} must hold a list, such as ${example}`);
  for (const [index, config] of content.entries()) {
    const type: unknown = typeof config === 'object' && config !== null ? config.type : undefined;
    if (typeof type !== 'string') {
      throw new UsageError(`${path}: entry ${index + 1} has no type; an entry is written as ${example}`);
    }
  }
  return content as RegularizerConfig[];
}
