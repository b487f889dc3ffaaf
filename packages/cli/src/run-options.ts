import { type GivenValue, runOptions } from '@safetune/trainer';
import type { OptionDefinition } from './command.ts';
import { givenValues } from './option-values.ts';
import { givenSafeguards } from './safeguards.ts';
import { givenSentinel } from './sentinel-option.ts';
import { templateOptions } from './template-options.ts';

/** Which fields a run cannot do without. */
const required = ['model', 'data', 'out'];

/** The options of `train` that are fields of a run, as the schema of run files describes them. */
export const runOptionDefinitions: Readonly<Record<string, OptionDefinition>> = Object.fromEntries(
  runOptions().map(({ option, hint, path, description, repeatable }): [string, OptionDefinition] => [
    option,
    {
      type: hint === undefined ? 'boolean' : 'string',
      description,
      ...(hint === undefined ? {} : { valueHint: hint }),
      ...(path === undefined ? {} : { path }),
      ...(repeatable ? { repeatable } : {}),
      ...(required.includes(option) ? { requiredWithout: 'config' } : {}),
    },
  ]),
);

/** What the command line says of a run. The arguments must have passed the command's checks. */
export async function givenRunValues(rawArgs: readonly string[]): Promise<GivenValue[]> {
  const values = runOptions().flatMap(({ field, option, hint, value }) => {
    const texts = givenValues(option, rawArgs);
    // A flag that is switched off says nothing; `false` as a value does.
    if (texts.length === 0 || (hint === undefined && texts[0] === 'false')) return [];
    return [{ path: field, value: value(texts), name: `--${option}` }];
  });
  const sentinel = givenSentinel(rawArgs);
  const safeguards = await givenSafeguards(rawArgs);
  const { templateArguments } = templateOptions(rawArgs);
  return [
    ...values,
    ...sentinel,
    ...(safeguards === undefined
      ? []
      : [{ path: ['regularizers'], value: safeguards, name: '--regularizer' }]),
    ...(templateArguments === undefined
      ? []
      : [{ path: ['chat_template_kwargs'], value: templateArguments, name: '--template-kwarg' }]),
  ];
}
