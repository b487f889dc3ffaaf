import { z } from 'zod';
import { UnsupportedTokenizerError } from '../errors.ts';
import { Pattern } from './pattern/match.ts';
import { PatternSyntaxError } from './pattern/syntax.ts';
import { WorkLimit } from './work-limit.ts';

/** A place in a tokenizer's file, which an error about it names. */
export class Place {
  readonly file: string;
  readonly setting: string;
  /** What the tokenizer's components may spend on a text. */
  readonly work: WorkLimit;

  constructor(file: string, setting: string, work = new WorkLimit()) {
    this.file = file;
    this.setting = setting;
    this.work = work;
  }

  at(key: string | number): Place {
    return new Place(this.file, this.setting === '' ? `${key}` : `${this.setting}.${key}`, this.work);
  }

  /** @throws UnsupportedTokenizerError always. */
  refuse(reason: string): never {
    throw new UnsupportedTokenizerError(this.file, this.setting, reason);
  }

  /** The content as a schema has it. @throws UnsupportedTokenizerError that names the first setting that does not fit. */
  check<Schema extends z.ZodType>(content: unknown, schema: Schema): z.output<Schema> {
    const result = schema.safeParse(content);
    if (result.success) return result.data;
    const issue = result.error.issues[0]!;
    if (issue.code === 'unrecognized_keys')
      return this.#at(issue.path)
        .at(issue.keys[0]!)
        .refuse('this setting is not known, and may change what the tokenizer does');
    return this.#at(issue.path).refuse(issue.message);
  }

  /** A regular expression of Oniguruma. @throws UnsupportedTokenizerError that says what of it is not supported. */
  pattern(source: string): Pattern {
    try {
      return new Pattern(source, this.work);
    } catch (error) {
      if (!(error instanceof PatternSyntaxError)) throw error;
      return this.refuse(error.message);
    }
  }

  #at(path: readonly PropertyKey[]): Place {
    return path.reduce<Place>((place, key) => place.at(String(key)), this);
  }
}

/** Builds a component from its content; the content's `type` chose the builder. */
export type ComponentBuilder<Component> = (content: unknown, place: Place) => Component;

const typed = z.looseObject({ type: z.string() });

/** Most components within components. */
const deepest = 20;

/** Builds the component that the `type` of the content names. @throws UnsupportedTokenizerError when none does. */
export function buildComponent<Component>(
  builders: Readonly<Record<string, ComponentBuilder<Component>>>,
  content: unknown,
  place: Place,
): Component {
  const { type } = place.check(content, typed);
  if (place.setting.split('.').length > 2 * deepest) place.refuse('components are nested too deeply');
  if (!Object.hasOwn(builders, type))
    place.at('type').refuse(`'${type}' is not supported; supported are ${Object.keys(builders).join(', ')}`);
  return builders[type]!(content, place);
}

/** A builder for components with these fields besides `type`, and no others. */
export function component<Shape extends z.ZodRawShape, Component>(
  shape: Shape,
  build: (fields: z.output<z.ZodObject<Shape & { type: z.ZodString }>>, place: Place) => Component,
): ComponentBuilder<Component> {
  const schema = z.strictObject({ ...shape, type: z.string() });
  return (content, place) =>
    build(place.check(content, schema) as z.output<z.ZodObject<Shape & { type: z.ZodString }>>, place);
}

/** A character: one code point. */
export const character = z.string().refine((text) => [...text].length === 1, 'must be one character');
