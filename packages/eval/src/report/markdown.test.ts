import { expect, test } from 'vitest';
import { hostileText } from '../__fixtures__/large-result.ts';
import { markdownBlock, markdownTable, markdownText } from './markdown.ts';

test('a table keeps its shape whatever its cells hold', () => {
  const table = markdownTable({ heading: 'h', columns: ['a', 'b'], rows: [['x | y', '1\n2']] });
  expect(table.split('\n')).toEqual(['| a | b |', '| :-- | --: |', '| x \\| y | 1 2 |']);
});

test('no text is markup', () => {
  expect(markdownText('[a](b) <i> *c* `d` # e')).toBe('\\[a\\](b) \\<i\\> \\*c\\* \\`d\\` \\# e');
});

test('a block ends where it should', () => {
  expect(markdownBlock('a ```` b')).toBe('`````text\na ```` b\n`````');
  expect(markdownBlock(hostileText).startsWith('```text\n</script>')).toBe(true);
  expect(markdownBlock('x'.repeat(50), 10)).toBe(`\`\`\`text\n${'x'.repeat(10)} ...\n\`\`\``);
});
