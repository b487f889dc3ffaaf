import { nearestName, printable } from '@safetune/tensor';
import type { z } from 'zod';
import { snakeCase } from './file-form.ts';
import { expectation, type JsonSchema, runJsonSchema, schemasAt } from './json-schema.ts';

/** What is wrong at a place of a run. */
export interface PlacedProblem {
  readonly path: readonly PropertyKey[];
  /** The key at fault, of the mapping at the path. */
  readonly key?: string;
  /** Said after the name of what is at the path. */
  readonly message: string;
}

/**
 * What zod found, in the words of the schema.
 *
 * @param whole of the value. Default: the one of run files
 */
export function problemsOf(
  issues: readonly z.core.$ZodIssue[],
  value: unknown,
  whole: JsonSchema = runJsonSchema(),
): PlacedProblem[] {
  return issues.flatMap((issue): PlacedProblem[] => {
    const { path } = issue;
    const meant = issue.code === 'invalid_union' ? meantKind(issue.errors) : undefined;
    if (meant !== undefined)
      return problemsOf(
        meant.map((inner) => ({ ...inner, path: [...path, ...inner.path] })),
        value,
        whole,
      );
    const schemas = schemasAt(path, value, whole);
    if (issue.code === 'unrecognized_keys') {
      const known = schemas.flatMap(({ properties }) => Object.keys(properties ?? {}));
      return issue.keys.map((key) => ({ path, key, message: unknownKey(key, known) }));
    }
    const given = path.reduce((at, key) => (at as Record<PropertyKey, unknown> | undefined)?.[key], value);
    if (given === undefined) {
      return [
        { path, message: `is missing: ${schemas[0]?.description ?? `must be ${expectation(schemas)}`}` },
      ];
    }
    const isOwnWording = issue.code === 'custom' || issue.message.startsWith('must ');
    return [
      { path, message: `${shown(given)}${isOwnWording ? issue.message : `must be ${expectation(schemas)}`}` },
    ];
  });
}

/** Of the kinds that a `type` tells apart, what is wrong by the one that has this type; by all, what is wrong with the type. */
function meantKind(
  errors: readonly (readonly z.core.$ZodIssue[])[],
): readonly z.core.$ZodIssue[] | undefined {
  const ofType = (issue: z.core.$ZodIssue) => issue.path[0] === 'type';
  if (!errors.some((issues) => issues.some(ofType))) return undefined;
  return errors.find((issues) => !issues.some(ofType)) ?? errors[0];
}

function unknownKey(key: string, known: readonly string[]): string {
  // As the library, or an older run file, writes it.
  const nearest = known.find((name) => name === snakeCase(key)) ?? nearestName(key, known);
  const hint =
    nearest === undefined ? `There are ${[...new Set(known)].join(', ')}.` : `Did you mean '${nearest}'?`;
  return `there is no option '${printable(key)}'. ${hint}`;
}

/** A short value, before what is said of it. */
function shown(value: unknown): string {
  if (typeof value === 'object' && value !== null) return '';
  const text = printable(String(value));
  return text.length > 80 ? '' : `'${text}' `;
}
