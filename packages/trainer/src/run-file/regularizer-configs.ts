import {
  describeRegularizer,
  loadRegularizerModules,
  type RegularizerConfig,
  regularizerConfigSchema,
} from '@safetune/regularizers';
import { libraryForm, snakeCase } from './file-form.ts';
import type { Run } from './run-schema.ts';

/**
 * Loads the module that a safeguard of a run names, if it names one.
 *
 * @param openable - gives its path from the working directory
 * @throws RegularizerModuleError
 */
export async function loadModule(config: unknown, openable: (path: string) => string): Promise<void> {
  const type: unknown =
    typeof config === 'object' && config !== null && 'type' in config ? config.type : undefined;
  if (typeof type === 'string') await loadRegularizerModules([{ type: openable(type) }]);
}

/** A safeguard of a run as the library writes it. The names of a module's options are those of its schema; without one, as in the file. */
export function regularizerConfigOf(config: Run['regularizers'][number]): RegularizerConfig {
  const known = describeRegularizer(config.type)?.options ?? [];
  const written = libraryForm(regularizerConfigSchema, config);
  return Object.fromEntries(
    Object.entries(written).map(([name, value]) => [
      known.find((option) => snakeCase(option) === name) ?? name,
      value,
    ]),
  ) as RegularizerConfig;
}
