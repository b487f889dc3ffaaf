import { expect, test } from 'vitest';
import { htmlPage } from './html.ts';

const sections = [
  {
    heading: '"quoted"',
    id: 'part',
    pictures: ['<svg></svg>', { wide: '<svg id="w"></svg>', narrow: '<svg id="n"></svg>' }],
    paragraphs: ['<img src=x>'],
    table: { columns: ['<a>'], rows: [['<b>']] },
  },
];

test('a page escapes every text and keeps pictures', () => {
  const page = htmlPage({ title: '<script>alert(1)</script>', introduction: ['a & b'], sections });
  expect(page).not.toMatch(/<script|<img|<a>|<b>/);
  expect(page).toContain('<svg></svg>');
  expect(page).toContain('<div class="if-narrow"><svg id="n"></svg></div>');
  expect(page).toContain('&#60;img src=x&#62;');
  expect(page).toContain('a &#38; b');
  expect(page).toContain('<section id="part">');
});

test('a page allows no program but its own, and no request', () => {
  const policyOf = (page: string) => /Content-Security-Policy" content="([^"]*)"/.exec(page)![1];
  const strict = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";
  expect(policyOf(htmlPage({ title: 't', sections }))).toBe(strict);
  // sha256 of 'run()'
  expect(policyOf(htmlPage({ title: 't', sections, script: 'run()' }))).toBe(
    `${strict}; script-src 'sha256-AvyuiL0SD1mVY3NNxR+V2uo+lhk6RMFrytWmRt6CrJQ='`,
  );
});
