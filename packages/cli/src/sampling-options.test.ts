import { expect, it } from 'vitest';
import { samplingOptions } from './sampling-options.ts';

it('has the defaults, and leaves out what was not given', () => {
  expect(samplingOptions({}, [])).toEqual({ options: { maxNewTokens: 256, temperature: 1 }, seed: 0 });
});

it('reads what a shell makes hard to give', () => {
  const { options } = samplingOptions({}, ['--stop=\\n\\n', '--stop=a\\tb\\\\n']);
  expect(options.stopStrings).toEqual(['\n\n', 'a\tb\\n']);
});

it.each([
  [{ temperature: 'hot' }, "--temperature 'hot' must be a number"],
  [{ 'top-k': '0' }, "--top-k '0' must be a whole number of at least 1"],
  [{ 'top-p': '1.5' }, 'topP must be above 0 and at most 1'],
  [{ 'repetition-penalty': '0' }, 'repetitionPenalty must be above 0'],
])('refuses %j', (args, message) => {
  expect(() => samplingOptions(args, [])).toThrow(message);
});
