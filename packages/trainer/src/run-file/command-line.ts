import { z } from 'zod';
import { type JsonSchema, runJsonSchema } from './json-schema.ts';
import { type CommandLineForm, commandLineForms } from './run-field.ts';
import { runSchema } from './run-schema.ts';

/** A field of a run, as an option of a command line. */
export interface RunOption extends Pick<CommandLineForm, 'option' | 'hint' | 'path'> {
  /** The names of the field, from the outermost. */
  readonly field: readonly string[];
  /** For the help, with the default. */
  readonly description: string;
  /** Whether it may be given several times. */
  readonly repeatable: boolean;
  /** The field's value, of the texts that were given; none for an option without a value. */
  value(texts: readonly string[]): unknown;
}

/** Every field that the command line can give, in the order of the schema. */
export function runOptions(): RunOption[] {
  return optionsOf(runSchema, runJsonSchema(), []);
}

function optionsOf(
  { shape }: z.ZodObject,
  { properties = {} }: JsonSchema,
  path: readonly string[],
): RunOption[] {
  return Object.entries(shape).flatMap(([name, schema]) => {
    const [field, json] = [[...path, name], properties[name]!];
    const form = commandLineForms.get(schema as z.ZodType);
    if (form !== undefined) return [optionOf(field, json, form)];
    const inner = schema instanceof z.ZodPrefault ? schema.unwrap() : schema;
    return inner instanceof z.ZodObject ? optionsOf(inner, json, field) : [];
  });
}

function optionOf(field: readonly string[], json: JsonSchema, commandLine: CommandLineForm): RunOption {
  const { option, hint, path, form, sets = true, text = json.description ?? '' } = commandLine;
  const isToldAlready = text.includes('default') || hint === undefined || typeof json.default === 'object';
  const hasDefault = json.default !== undefined && !isToldAlready;
  const read = (value: string) => (typeof form === 'function' ? form(value) : numberIfMeant(value, json));
  return {
    field,
    option,
    ...(hint === undefined ? {} : { hint }),
    ...(path === undefined ? {} : { path }),
    description: hasDefault ? `${text} (default ${String(json.default)})` : text,
    repeatable: typeof form === 'string',
    value(texts) {
      if (hint === undefined) return sets;
      if (form === 'repeated') return texts;
      return form === 'list'
        ? texts.flatMap((value) => value.split(',')).map((value) => read(value.trim()))
        : read(texts[0] ?? '');
    },
  };
}

/** What is no number stays text, for the refusal to show. */
function numberIfMeant(text: string, schema: JsonSchema): string | number {
  const number = text.trim() === '' ? Number.NaN : Number(text);
  return takesNumbers(schema) && !Number.isNaN(number) ? number : text;
}

function takesNumbers({ type, items, anyOf = [] }: JsonSchema): boolean {
  return (
    type === 'integer' ||
    type === 'number' ||
    [...anyOf, ...(items === undefined ? [] : [items])].some(takesNumbers)
  );
}
