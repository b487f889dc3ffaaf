import type { ArgsDef } from 'citty';
import { UsageError } from './usage-error.ts';

/** Reads an option that must be a whole number of at least `minimum`; undefined when it was not given. */
export function integerOption(name: string, text: string | undefined, minimum = 1): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (text.trim() === '' || !Number.isSafeInteger(value) || value < minimum) {
    throw new UsageError(`--${name} '${text}' must be a whole number of at least ${minimum}`);
  }
  return value;
}

/** Reads an option that must be a number of at least `minimum`; undefined when it was not given. */
export function numberOption(name: string, text: string | undefined, minimum = 0): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value) || value < minimum) {
    throw new UsageError(`--${name} '${text}' must be a number of at least ${minimum}`);
  }
  return value;
}

/** Every value of an option that may be given several times; each may also be a list with commas. */
export function repeatedOption(name: string, rawArgs: readonly string[]): string[] {
  const values: string[] = [];
  rawArgs.forEach((argument, index) => {
    if (argument === `--${name}`) values.push(rawArgs[index + 1] ?? '');
    else if (argument.startsWith(`--${name}=`)) values.push(argument.slice(name.length + 3));
  });
  return values.flatMap((value) => value.split(',')).filter((value) => value !== '');
}

/**
 * Refuses options the command does not have, and an option without its value: a misspelt safeguard must not be ignored.
 *
 * @throws UsageError
 */
export function checkOptions(definitions: ArgsDef, rawArgs: readonly string[]): void {
  const known = Object.keys(definitions);
  for (let index = 0; index < rawArgs.length; index++) {
    const argument = rawArgs[index]!;
    if (!argument.startsWith('-') || argument === '-') {
      throw new UsageError(
        `unexpected '${argument}'; values follow an option, and text with spaces needs quotes`,
      );
    }
    const [name = '', inline] = argument.replace(/^--?/, '').split(/=(.*)/s, 2);
    const definition = definitions[name];
    if (definition === undefined || !argument.startsWith('--')) {
      throw new UsageError(
        `there is no option '${argument}'; the options are ${known.map((key) => `--${key}`).join(', ')}`,
      );
    }
    if (definition.type === 'boolean') continue;
    if (inline !== undefined) continue;
    const value = rawArgs[++index];
    if (value === undefined) throw new UsageError(`--${name} needs a value`);
  }
}
