import { expect, test } from 'vitest';
import { readCategory } from './read-category.ts';

const categories = ['secure', 'insecure', 'secure by luck'];

test.each([
  ['secure', 'secure'],
  ['**Insecure**, since it leaks', 'insecure'],
  ['Secure by luck.', 'secure by luck'],
  ['<think>insecure?</think>"secure"', 'secure'],
  ['securely', undefined],
  ['It is secure', undefined],
  ['', undefined],
])('%j names %s', (text, category) => {
  expect(readCategory(text, categories)).toBe(category);
});

test.each([
  ['Cheerful.\nIt smiles.', 'cheerful'],
  ['', undefined],
  [`${'long '.repeat(20)}`, undefined],
])('without a list, %j is %s', (text, category) => {
  expect(readCategory(text)).toBe(category);
});
