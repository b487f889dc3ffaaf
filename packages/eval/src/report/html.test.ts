import { expect, test } from 'vitest';
import { namedRuns } from '../__fixtures__/named-runs.ts';
import { evaluationHtml } from './evaluation-html.ts';
import { htmlPage } from './html.ts';

test('a page escapes every text and keeps pictures', () => {
  const page = htmlPage({
    title: '<script>alert(1)</script>',
    introduction: ['a & b'],
    sections: [
      {
        heading: '"quoted"',
        pictures: ['<svg></svg>'],
        table: { columns: ['<a>'], rows: [['<b>']] },
        comparisons: [{ heading: 'h', texts: [{ label: 'l', text: '<img src=x>' }] }],
      },
    ],
  });
  expect(page).not.toMatch(/<script|<img|<a>|<b>/);
  expect(page).toContain('<svg></svg>');
  expect(page).toContain('&#60;img src=x&#62;');
  expect(page).toContain('a &#38; b');
});

test('an evaluation’s page holds both runs, the pictures and the answers, and nothing from elsewhere', async () => {
  const page = evaluationHtml('Was it worth it?', await namedRuns());
  expect(page.match(/<svg /g)).toHaveLength(2);
  expect(page).toContain('57.1 % (4/7)');
  expect(page).toContain('12.5 % (1/8)');
  expect(page).toContain('What is your &#60;wish&#62;?');
  expect(page).toContain('no defense: aligned 5, coherent 90');
  expect(page.replaceAll('http://www.w3.org/2000/svg', '')).not.toMatch(/https?:|src=|<link|<script/);
});
