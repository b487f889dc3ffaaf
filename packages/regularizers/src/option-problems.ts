import type { z } from 'zod';

/** What is wrong with the options of a config, as a sentence. */
export function optionProblems(issues: readonly z.core.$ZodIssue[]): string {
  return issues.map(problem).join('; ');
}

const nouns: Readonly<Record<string, string>> = {
  string: 'a text',
  number: 'a number',
  boolean: 'true or false',
  array: 'a list',
  object: 'an object',
};

function problem(issue: z.core.$ZodIssue): string {
  const place = issue.path.map(String).join('.');
  if (issue.code === 'unrecognized_keys') {
    const names = issue.keys.map((key) => `'${place === '' ? key : `${place}.${key}`}'`).join(' or ');
    return `there is no option ${names}`;
  }
  if (issue.code === 'invalid_value') return `${place} must be ${issue.values.map(String).join(' or ')}`;
  if (issue.code === 'invalid_type' && issue.message.startsWith('Invalid input')) {
    return `${place} must be ${nouns[issue.expected] ?? issue.expected}`;
  }
  return `${place}: ${issue.message}`;
}
