import { existsSync } from 'node:fs';
import { isAbsolute } from 'node:path';
import { openDataset } from '@safetune/datasets';
import { describeRegularizer, isModulePath } from '@safetune/regularizers';
import { type PlacedProblem, snakeCase } from '@safetune/trainer';
import type { Method, Policy, PolicyFields } from './policy-schema.ts';
import type { SafeguardConfig } from './strength.ts';

/** Options that name data sets: files, folders or globs. */
const ofExamples: ReadonlySet<string> = new Set(['pool', 'anchors']);

export interface SafeguardFiles {
  readonly problems: readonly PlacedProblem[];
  readonly poolMethods: Policy['poolMethods'];
}

/** Of safeguards whose files were not looked for. */
export const noFiles: SafeguardFiles = { problems: [], poolMethods: {} };

/**
 * Looks for the files that safeguards name, and at the first example of each data set.
 *
 * @param safeguards whose paths are absolute
 */
export async function readSafeguardFiles({
  mandatory,
  optional,
}: PolicyFields['safeguards']): Promise<SafeguardFiles> {
  const problems: PlacedProblem[] = [];
  const poolMethods: Record<string, Method> = {};
  const placed = [
    ...mandatory.map((config, index) => ({ path: ['safeguards', 'mandatory', index], config })),
    ...optional.map(({ safeguard }, index) => ({
      path: ['safeguards', 'optional', index, 'safeguard'],
      config: safeguard,
    })),
  ];
  for (const { path: place, config } of placed) {
    for (const { option, file } of filesOf(config as SafeguardConfig)) {
      const path = [...place, ...option.split('.')];
      if (!ofExamples.has(option)) {
        if (!existsSync(file)) problems.push({ path, message: `: there is no ${file}` });
        continue;
      }
      try {
        const method = await methodOf(file);
        if (option === 'pool') poolMethods[file] = method;
      } catch (error) {
        problems.push({ path, message: `: ${(error as Error).message}` });
      }
    }
  }
  return { problems, poolMethods };
}

/** The files that a safeguard of ours names; what stayed a name on the hub is none. What a module's options mean is the module's business. */
export function filesOf(
  config: SafeguardConfig,
): readonly { readonly option: string; readonly file: string }[] {
  if (isModulePath(config.type)) return [];
  // An option may be written as the library has it, too.
  const options = new Set(
    (describeRegularizer(config.type)?.paths ?? []).flatMap((one) => [one, snakeCase(one)]),
  );
  return [...options].flatMap((option) => {
    const file = option
      .split('.')
      .reduce<unknown>((value, key) => (value as Record<string, unknown> | undefined)?.[key], config);
    return typeof file === 'string' && isAbsolute(file) ? [{ option, file }] : [];
  });
}

async function methodOf(file: string): Promise<Method> {
  for await (const { rejected } of await openDataset(file))
    return rejected === undefined ? 'supervised' : 'dpo';
  return 'supervised';
}
