import { describe, expect, it } from 'vitest';
import { adapterTable } from './adapter-table.ts';

const header = ['module', 'norm', 'effective rank', 'singular values'];
const rows = [0, 1].map((layer) => [
  `model.layers.${layer}.mlp.up_proj`,
  '0.1234',
  '3.90 of 4',
  '█'.repeat(20),
]);
const widest = (table: string) => Math.max(...table.split('\n').map((line) => line.length));

describe('a table about an adapter', () => {
  it('is whole where it fits, and in a file or a pipe', () => {
    expect(adapterTable(header, rows, undefined)).toBe(adapterTable(header, rows, 200));
    expect(adapterTable(header, rows, 200)).toContain('model.layers.1.mlp.up_proj');
  });

  it.each([30, 40, 60, 70])('fits into %d columns, and says what it leaves out', (columns) => {
    const table = adapterTable(header, rows, columns);
    expect(widest(table)).toBeLessThanOrEqual(columns);
    expect(table).toContain('1.mlp.up_proj  0.1234');
    expect(table).toContain('names begin with model.layers.');
    const isShort = !table.split('\n')[0]!.includes('singular values');
    expect(table.includes('no room for:')).toBe(isShort);
  });

  it('keeps names from faking lines and commanding the terminal', () => {
    expect(adapterTable(['module', 'norm'], [['a\u001b[2J\nb', '1']], 80)).toContain('a\\x1b[2J\\x0ab');
  });
});
