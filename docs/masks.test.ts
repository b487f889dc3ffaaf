/** The page about masks shows what they are. */
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { maskTable } from '../conformance/masks.ts';
import { plainTemplates } from '../conformance/template-tokenizer.ts';

it('the table of docs/masks.md is what the templates give', () => {
  const page = readFileSync(new URL('masks.md', import.meta.url), 'utf8');
  expect(page).toContain(maskTable(plainTemplates()));
});
