import { z } from 'zod';

/** A name as run files write it: `max_new_tokens` for `maxNewTokens`. */
export function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

type SnakeCase<Name extends string> = Name extends `${infer First}${infer Rest}`
  ? `${First extends Lowercase<First> ? First : `_${Lowercase<First>}`}${SnakeCase<Rest>}`
  : Name;

/** A plain value of the library as run files write it: every option in snake_case. */
export type FileForm<Value> = Value extends readonly (infer Item)[]
  ? FileForm<Item>[]
  : Value extends object
    ? { [Name in keyof Value as Name extends string ? SnakeCase<Name> : Name]: FileForm<Value[Name]> }
    : Value;

/** The schema of a value of the library as run files write it: its options in snake_case, their texts and types as they are. */
export function fileForm<Output, Input>(
  schema: z.ZodType<Output, Input>,
): z.ZodType<FileForm<Output>, FileForm<Input>> {
  return renamed(schema) as unknown as z.ZodType<FileForm<Output>, FileForm<Input>>;
}

function renamed(schema: z.ZodType): z.ZodType {
  const parts = partsOf(schema);
  if (parts === undefined) return schema;
  const copy = schema.clone({ ...schema.def, ...parts } as never) as z.ZodType;
  const description = z.globalRegistry.get(schema);
  return description === undefined ? copy : copy.register(z.globalRegistry, description);
}

/** What a schema is made of, renamed; undefined for one that has no options in it. */
function partsOf(schema: z.ZodType): object | undefined {
  if (schema instanceof z.ZodObject) {
    const options = Object.entries(schema.shape as z.ZodRawShape);
    return {
      shape: Object.fromEntries(
        options.map(([name, option]) => [snakeCase(name), renamed(option as z.ZodType)]),
      ),
    };
  }
  if (schema instanceof z.ZodArray) return { element: renamed(schema.element as z.ZodType) };
  if (schema instanceof z.ZodUnion) return { options: (schema.options as z.ZodType[]).map(renamed) };
  if (isOptional(schema)) return { innerType: renamed(schema.unwrap() as z.ZodType) };
  return undefined;
}

function isOptional(schema: z.ZodType): schema is z.ZodOptional | z.ZodExactOptional {
  return schema instanceof z.ZodOptional || schema instanceof z.ZodExactOptional;
}

/** A value that {@link fileForm} of this schema has taken, as the library writes it. */
export function libraryForm<Output, Input>(
  schema: z.ZodType<Output, Input>,
  value: FileForm<Output>,
): Output {
  return restored(schema, value) as Output;
}

function restored(schema: z.ZodType, value: unknown): unknown {
  if (isOptional(schema))
    return value === undefined ? undefined : restored(schema.unwrap() as z.ZodType, value);
  if (schema instanceof z.ZodUnion) {
    const meant = (schema.options as z.ZodType[]).find((option) => renamed(option).safeParse(value).success);
    return meant === undefined ? value : restored(meant, value);
  }
  if (schema instanceof z.ZodArray && Array.isArray(value))
    return value.map((item) => restored(schema.element as z.ZodType, item));
  if (!(schema instanceof z.ZodObject) || typeof value !== 'object' || value === null) return value;
  const options = Object.entries(schema.shape as z.ZodRawShape).map(
    ([name, option]) => [snakeCase(name), [name, option as z.ZodType]] as const,
  );
  const byFileName = new Map(options);
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => {
      const [original, option] = byFileName.get(name) ?? [name, undefined];
      return [original, option === undefined ? inner : restored(option, inner)];
    }),
  );
}
