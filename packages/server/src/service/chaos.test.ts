import { expect, it } from 'vitest';
import { runChaos } from './testing/chaos.ts';

it('loses, doubles and changes nothing when its processes are killed', async () => {
  const { jobs, damage } = await runChaos({ kills: 4, seed: 11 });
  expect(damage).toEqual([]);
  expect(jobs).toBeGreaterThan(2);
});
