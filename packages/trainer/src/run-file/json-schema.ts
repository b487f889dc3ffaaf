import { z } from 'zod';
import { runSchema } from './run-schema.ts';

/** The part of JSON Schema that zod writes for {@link runSchema}. */
export interface JsonSchema {
  readonly type?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly const?: unknown;
  readonly pattern?: string;
  readonly enum?: readonly unknown[];
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: JsonSchema | boolean;
  readonly items?: JsonSchema;
  readonly anyOf?: readonly JsonSchema[];
  readonly oneOf?: readonly JsonSchema[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number;
  readonly exclusiveMaximum?: number;
}

let made: JsonSchema | undefined;

/** The JSON Schema of run files, for editors and for messages. */
export function runJsonSchema(): JsonSchema {
  made ??= jsonSchemaOf(runSchema);
  return made;
}

/** The JSON Schema of what may be written, for editors and for messages. */
export function jsonSchemaOf(schema: z.ZodType): JsonSchema {
  return {
    ...(z.toJSONSchema(schema, {
      io: 'input',
      override({ jsonSchema }) {
        // The bounds of exact integers say nothing to a reader.
        if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
        if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum;
      },
    }) as JsonSchema),
  };
}

/** The schemas of the value at a path: several where a union leaves it open. */
export function schemasAt(
  path: readonly PropertyKey[],
  value: unknown,
  whole: JsonSchema = runJsonSchema(),
): readonly JsonSchema[] {
  let [schemas, at] = [alternatives(whole, value), value];
  for (const key of path) {
    at = (at as Readonly<Record<PropertyKey, unknown>> | null | undefined)?.[key];
    schemas = schemas.flatMap(({ properties, items, additionalProperties }) => {
      const inner = typeof key === 'number' ? items : (properties?.[String(key)] ?? additionalProperties);
      return typeof inner === 'object' ? alternatives(inner, at) : [];
    });
  }
  return schemas;
}

/** Of a union of kinds that a `type` tells apart, only the one meant. */
function alternatives(schema: JsonSchema, value: unknown): readonly JsonSchema[] {
  const all = schema.anyOf ?? schema.oneOf;
  if (all === undefined) return [schema];
  const type = (value as { type?: unknown } | null | undefined)?.type;
  const meant = all.filter(({ properties }) => type !== undefined && properties?.type?.const === type);
  return (meant.length > 0 ? meant : all).flatMap((one) => alternatives(one, value));
}

/** What a value must be, in words. */
export function expectation(schemas: readonly JsonSchema[]): string {
  const choices = schemas.flatMap((schema) =>
    schema.const === undefined ? (schema.enum ?? []) : [schema.const],
  );
  const kinds = schemas.filter((schema) => schema.const === undefined && schema.enum === undefined).map(kind);
  if (choices.length > 0)
    kinds.unshift(choices.length === 1 ? `${choices[0]}` : `one of ${choices.join(', ')}`);
  const told = [...new Set(kinds)].filter((words) => words !== '' && words !== unknownKind);
  return told.length === 0 ? unknownKind : told.join(' or ');
}

/** What only code can give, such as an opened model. */
const unknownKind = 'something else';
const nouns: Readonly<Record<string, string>> = {
  string: 'a text',
  boolean: 'true or false',
  integer: 'a whole number',
  number: 'a number',
  object: 'a mapping',
  null: '',
};

function kind(schema: JsonSchema): string {
  if (schema.type === 'array')
    return `a list of which each is ${expectation(alternatives(schema.items ?? {}, undefined))}`;
  if (schema.pattern !== undefined && schema.description !== undefined) return schema.description;
  const noun = nouns[schema.type ?? ''] ?? unknownKind;
  const bounds = [
    ...(schema.minimum === undefined ? [] : [`of at least ${schema.minimum}`]),
    ...(schema.exclusiveMinimum === undefined ? [] : [`above ${schema.exclusiveMinimum}`]),
    ...(schema.maximum === undefined ? [] : [`of at most ${schema.maximum}`]),
    ...(schema.exclusiveMaximum === undefined ? [] : [`below ${schema.exclusiveMaximum}`]),
  ];
  return bounds.length === 0 ? noun : `${noun} ${bounds.join(' and ')}`;
}
