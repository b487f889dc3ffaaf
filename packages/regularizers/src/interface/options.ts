import { unknownOption } from '@safetune/datasets';
import { RegularizerOptionError } from '../errors.ts';

/**
 * Refuses options that a function does not have, so that a misspelt one is not ignored, and what is no object of options.
 *
 * @throws RegularizerOptionError in the name of `owner`, with the option that may be meant.
 */
export function checkOptions(owner: string, options: unknown, known: readonly string[]): void {
  if (typeof options !== 'object' || options === null) {
    throw new RegularizerOptionError(
      owner,
      `the options are ${String(options)}, must be an object such as { ${known[0]}: ... }`,
    );
  }
  const unknown = unknownOption(options, known);
  if (unknown !== undefined) throw new RegularizerOptionError(owner, `there is ${unknown.message}`);
}

/** @throws RegularizerOptionError when the value is none of the choices. */
export function checkChoice(
  owner: string,
  option: string,
  value: unknown,
  choices: readonly unknown[],
): void {
  if (choices.includes(value)) return;
  const list = choices.map((choice) => JSON.stringify(choice)).join(' or ');
  throw new RegularizerOptionError(owner, `${option} is ${JSON.stringify(value)}, must be ${list}`);
}
