import { DatasetOptionError } from './errors.ts';
import { unknownOption } from './nearest-name.ts';

/** Refuses an option that is not a whole number of at least `minimum`. */
export function requireInteger(option: string, value: number, minimum: number): void {
  if (!Number.isSafeInteger(value) || value < minimum) {
    throw new DatasetOptionError(option, value, `a whole number of at least ${minimum}`);
  }
}

/** Refuses an option that is none of the choices. */
export function requireChoice(option: string, value: string, choices: readonly string[]): void {
  if (!choices.includes(value)) {
    throw new DatasetOptionError(option, value, choices.map((choice) => `'${choice}'`).join(' or '));
  }
}

/** Refuses options that the function does not have. */
export function requireKnownOptions(owner: string, options: object, known: readonly string[]): void {
  const unknown = unknownOption(options, known);
  if (unknown === undefined) return;
  const value = (options as Readonly<Record<string, unknown>>)[unknown.option];
  throw new DatasetOptionError(unknown.option, value, `left out: ${owner} has ${unknown.message}`);
}
