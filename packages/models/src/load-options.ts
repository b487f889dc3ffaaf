import { unknownOption } from '@safetune/tensor';
import { LoadOptionError } from './errors.ts';

/**
 * Options whose names are misspelt would be ignored in JavaScript.
 *
 * @param place the function, or option, that they are of
 * @param known an entry for each option, so that the compiler misses none
 * @throws LoadOptionError naming the one that there is not, and what may have been meant.
 */
export function checkLoadOptions<Options extends object>(
  place: string,
  options: Options,
  known: Readonly<Record<keyof Required<Options>, true>>,
): void {
  const unknown = unknownOption(options, Object.keys(known));
  if (unknown !== undefined) throw new LoadOptionError(place, unknown);
}
