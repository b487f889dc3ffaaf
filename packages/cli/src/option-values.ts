import { UsageError } from './usage-error.ts';

/** Reads an option that must be a whole number of at least `minimum`; undefined when it was not given. */
export function integerOption(
  name: string,
  text: string | undefined,
  minimum = 1,
  maximum = Number.MAX_SAFE_INTEGER,
): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (text.trim() === '' || !Number.isSafeInteger(value) || value < minimum || value > maximum) {
    const limit = maximum === Number.MAX_SAFE_INTEGER ? '' : ` and at most ${maximum}`;
    throw new UsageError(`--${name} '${text}' must be a whole number of at least ${minimum}${limit}`);
  }
  return value;
}

/** Reads an option that must be a number of at least `minimum`; undefined when it was not given. */
export function numberOption(
  name: string,
  text: string | undefined,
  minimum = 0,
  maximum = Number.MAX_VALUE,
): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value) || value < minimum || value > maximum) {
    const limit = maximum === Number.MAX_VALUE ? '' : ` and at most ${maximum}`;
    throw new UsageError(`--${name} '${text}' must be a number of at least ${minimum}${limit}`);
  }
  return value;
}

/** Reads an option that must be one of `choices`; undefined when it was not given. */
export function choiceOption<Choice extends string>(
  name: string,
  text: string | undefined,
  choices: readonly Choice[],
): Choice | undefined {
  const choice = choices.find((one) => one === text);
  if (text !== undefined && choice === undefined) {
    throw new UsageError(`--${name} '${text}' must be one of ${choices.join(', ')}`);
  }
  return choice;
}

/**
 * Every value of an option that may be given several times; each may also be a list with commas.
 *
 * @throws UsageError when a value, or a part of a list, is empty.
 */
export function repeatedOption(name: string, rawArgs: readonly string[]): string[] {
  const parts = givenValues(name, rawArgs).flatMap((value) => value.split(','));
  if (parts.some((part) => part.trim() === '')) {
    throw new UsageError(`--${name} has an empty value; give something, or leave the option out`);
  }
  return parts.map((part) => part.trim());
}

/** The values given for an option, in order, as they stand. The arguments must have passed the command's checks. */
export function givenValues(name: string, rawArgs: readonly string[]): string[] {
  return rawArgs.flatMap((argument, index) => {
    if (argument === `--${name}`) return [rawArgs[index + 1] ?? ''];
    return argument.startsWith(`--${name}=`) ? [argument.slice(name.length + 3)] : [];
  });
}
