import { expect, it } from 'vitest';
import { givenRunValues } from './run-options.ts';

it('takes false as a value, and a flag that is switched off as none', async () => {
  expect(await givenRunValues(['--packing', 'false', '--dora=false', '--steps', '3'])).toEqual([
    { path: ['steps'], value: 3, name: '--steps' },
    { path: ['packing'], value: false, name: '--packing' },
  ]);
});
