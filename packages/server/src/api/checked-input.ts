import type { z } from 'zod';
import { ApiError } from '../errors.ts';

/**
 * What a schema makes of what a client sent.
 *
 * @throws ApiError 400, in OpenAI's words where it has some, of the first thing that is wrong.
 */
export function checkedInput<Schema extends z.ZodType>(schema: Schema, input: unknown): z.output<Schema> {
  const result = schema.safeParse(input);
  if (result.success) return result.data;
  throw problemOf(mostTelling(result.error.issues[0]!), input);
}

/** Of alternatives, the one that came furthest: the others say only that it is not they. */
function mostTelling(issue: z.core.$ZodIssue): z.core.$ZodIssue {
  if (issue.code !== 'invalid_union') return issue;
  const issues = issue.errors.flat();
  const deepest = issues.toSorted((a, b) => b.path.length - a.path.length)[0];
  if (deepest === undefined || deepest.path.length === 0) return issue;
  return mostTelling({ ...deepest, path: [...issue.path, ...deepest.path] });
}

function problemOf(issue: z.core.$ZodIssue, input: unknown): ApiError {
  const param = issue.path.length === 0 ? null : pathText(issue.path);
  if (issue.code === 'unrecognized_keys') {
    const name = pathText([...issue.path, issue.keys[0]!]);
    return new ApiError(400, `Unknown parameter: '${name}'.`, { code: 'unknown_parameter', param: name });
  }
  if (param === null) {
    return new ApiError(400, 'The body must be a JSON object.', { code: 'invalid_type' });
  }
  if (valueAt(input, issue.path) === undefined) {
    return new ApiError(400, `Missing required parameter: '${param}'.`, {
      code: 'missing_required_parameter',
      param,
    });
  }
  return new ApiError(400, `Invalid value for '${param}': ${issue.message}`, {
    code: issue.code === 'invalid_type' ? 'invalid_type' : 'invalid_value',
    param,
  });
}

/** `messages[0].content`. What a client calls its keys is cut, and its control characters are no part of it. */
function pathText(path: readonly PropertyKey[]): string {
  let text = '';
  for (const part of path) {
    text += typeof part === 'number' ? `[${part}]` : text === '' ? String(part) : `.${String(part)}`;
  }
  const shown = text.replaceAll(/\p{C}/gu, '\ufffd');
  return shown.length > 200 ? `${shown.slice(0, 200)}...` : shown;
}

function valueAt(input: unknown, path: readonly PropertyKey[]): unknown {
  let value = input;
  for (const part of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, part)) return undefined;
    value = (value as Record<PropertyKey, unknown>)[part];
  }
  return value;
}
