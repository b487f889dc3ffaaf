import { hiddenParts, supervisions } from '@safetune/datasets';
import { expect, it } from 'vitest';
import { choiceOption } from './option-values.ts';
import { UsageError } from './usage-error.ts';

it('takes one of the choices, or nothing', () => {
  expect(choiceOption('supervise', 'last-response', supervisions)).toBe('last-response');
  expect(choiceOption('allow-hidden', 'tools', hiddenParts)).toBe('tools');
  expect(choiceOption('supervise', undefined, supervisions)).toBeUndefined();
});

it('refuses others by name', () => {
  expect(() => choiceOption('supervise', 'answers', supervisions)).toThrow(UsageError);
  expect(() => choiceOption('allow-hidden', '', hiddenParts)).toThrow(
    /--allow-hidden '' must be one of tools, documents/,
  );
});
