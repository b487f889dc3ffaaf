import { expect, it, vi } from 'vitest';
import { givenSampling, samplingOptions } from './sampling-options.ts';

const nothing = { options: {}, unsupported: {} };

it('has the defaults, and leaves out what was not given', () => {
  const given = givenSampling({}, []);
  expect(given).toEqual({ options: {}, seed: 0 });
  expect(samplingOptions(given, nothing)).toEqual({ maxNewTokens: 256, temperature: 1 });
});

it('reads what a shell makes hard to give', () => {
  const { options } = givenSampling({}, ['--stop=\\n\\n', '--stop=a\\tb\\\\n']);
  expect(options.stopStrings).toEqual(['\n\n', 'a\tb\\n']);
});

it("does as the model's files say unless told otherwise, and tells it", () => {
  const ofModel = { temperature: 0.6, topK: 20, topP: 0.95, repetitionPenalty: 1.05 };
  const unsupported = { num_beams: 4, bad_words_ids: Array(100).fill([1]) };
  const write = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
  const told = (args: Parameters<typeof givenSampling>[0], unused = {}) => {
    write.mockClear();
    const options = samplingOptions(givenSampling(args, []), { options: ofModel, unsupported: unused });
    return [options, write.mock.calls.map(([text]) => text)];
  };
  const beams = `num_beams 4, bad_words_ids ${'[[1],[1],[1],[1],[1],[1],[1],[1],[1],[1],[1],[1],[1],[1],[1],[1]'.slice(0, 60)}...`;
  expect(told({ temperature: '0.9', 'top-k': '0' }, unsupported)).toEqual([
    { maxNewTokens: 256, ...ofModel, temperature: 0.9, topK: Number.MAX_SAFE_INTEGER },
    [
      'as generation_config.json of the model says: --top-p 0.95, --repetition-penalty 1.05\n',
      `answers come without what generation_config.json says besides: ${beams}\n`,
    ],
  ]);
  expect(told({ temperature: '0', 'repetition-penalty': '1' })).toEqual([
    { maxNewTokens: 256, ...ofModel, temperature: 0, repetitionPenalty: 1 },
    [],
  ]);
  write.mockRestore();
});

it.each([
  [{ temperature: 'hot' }, "--temperature 'hot' must be a number"],
  [{ 'top-k': '-1' }, "--top-k '-1' must be a whole number of at least 0"],
  [{ 'top-p': '1.5' }, 'topP must be above 0 and at most 1'],
  [{ 'repetition-penalty': '0' }, 'repetitionPenalty must be above 0'],
])('refuses %j', (args, message) => {
  expect(() => givenSampling(args, [])).toThrow(message);
});
