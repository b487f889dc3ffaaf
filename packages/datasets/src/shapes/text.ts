import { has, type Shape } from './shape.ts';

/** Plain text, learned as it is. Data sets of conversations keep a rendered one under the same name: they were asked before. */
export const text: Shape = {
  name: 'text',
  columns: 'text',
  matches: (row) => has(row, 'text'),
  read: (row) => ({ text: row }),
};
