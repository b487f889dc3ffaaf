import { readRun } from '@safetune/trainer';
import { describe, expect, it } from 'vitest';
import { givenSentinel } from './sentinel-option.ts';
import { UsageError } from './usage-error.ts';

describe('--sentinel', () => {
  it('stands for a sentinel of a run file', async () => {
    const given = givenSentinel(['--sentinel', 'log-odds=0.5', '--sentinel=kl', '--sentinel-every', '5']);
    expect(given).toEqual([
      {
        path: ['sentinel'],
        value: { every_steps: 5, probes: [{ type: 'log-odds', bounds: { roll_back: 0.5 } }, { type: 'kl' }] },
        name: '--sentinel',
      },
    ]);
    const others = ['model', 'data'].map((name) => ({ path: [name], value: 'x', name }));
    const { run } = await readRun({ given: [...others, ...given] });
    expect(run.sentinel).toEqual(given[0]!.value);
    expect(givenSentinel(['--sentinel', 'kl'])[0]!.value).toEqual({
      every_steps: 20,
      probes: [{ type: 'kl' }],
    });
  });

  it('only moves the looks of a file where no probe is named', async () => {
    const given = givenSentinel(['--sentinel-every=7']);
    expect(given).toEqual([{ path: ['sentinel', 'every_steps'], value: 7, name: '--sentinel-every' }]);
    const others = ['model', 'data'].map((name) => ({ path: [name], value: 'x', name }));
    await expect(readRun({ given: [...others, ...given] })).rejects.toThrow('sentinel.probes is missing');
    expect(givenSentinel(['--steps', '3'])).toEqual([]);
  });

  it.each([
    ['rules', 'a probe that reads a file is given in a run file'],
    ['log-odd', 'must be kl or log-odds'],
    ['kl=', 'does not end in a number'],
    ['kl=much', 'does not end in a number; write for example kl=0.5'],
  ])('refuses %s', (text, message) => {
    const refused = () => givenSentinel(['--sentinel', text]);
    expect(refused).toThrow(message);
    expect(refused).toThrow(UsageError);
  });
});
