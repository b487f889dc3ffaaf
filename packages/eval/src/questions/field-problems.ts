import type { z } from 'zod';
import { nearestName } from '../nearest-name.ts';
import { printable } from '../printable.ts';

/**
 * What is wrong with a mapping's fields, in words: its schema says it of each field, this adds their names.
 *
 * @param known names of the fields that there are.
 * @param shape what to say when the value is no mapping at all.
 */
export function problemsOf(error: z.ZodError, known: readonly string[], shape: string): string {
  return error.issues.map((issue) => problemOf(issue, known, shape)).join('; ');
}

function problemOf(issue: z.core.$ZodIssue, known: readonly string[], shape: string): string {
  const path = printable(issue.path.join('.'), 200);
  if (issue.code === 'unrecognized_keys') {
    const where = path === '' ? '' : ` in ${path}`;
    const names = issue.keys.slice(0, 3).map((key) => {
      const nearest = path === '' ? nearestName(key, known) : undefined;
      return `'${printable(key, 60)}'${nearest === undefined ? '' : ` (did you mean '${nearest}'?)`}`;
    });
    const there = path === '' ? ` There is ${known.join(', ')}.` : '';
    return `there is no field ${names.join(', ')}${where}.${there}`;
  }
  return path === '' ? shape : `${path} ${issue.message}`;
}
