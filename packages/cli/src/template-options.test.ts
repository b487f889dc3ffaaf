import { describe, expect, it } from 'vitest';
import { templateOptions } from './template-options.ts';
import { UsageError } from './usage-error.ts';

describe('--template-kwarg', () => {
  it('takes JSON where it reads as JSON, else text', () => {
    const given = [
      '--template-kwarg=enable_thinking=false',
      '--template-kwarg',
      'date=26 Jul = 2024',
      '--template-kwarg=n=3',
    ];
    expect(templateOptions(given)).toEqual({
      templateArguments: { enable_thinking: false, date: '26 Jul = 2024', n: 3 },
    });
    expect(templateOptions([])).toEqual({});
  });

  it.each(['enable_thinking', '=1', '1x=2'])('refuses %s', (given) => {
    expect(() => templateOptions([`--template-kwarg=${given}`])).toThrow(UsageError);
  });

  it('refuses one name twice', () => {
    expect(() => templateOptions(['--template-kwarg=a=1', '--template-kwarg=a=2'])).toThrow('given twice');
  });
});
