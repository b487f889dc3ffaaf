import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ggufBytes, tinyMetadata, tinyTensors } from '../gguf/read/__fixtures__/gguf-bytes.ts';
import { readGenerationDefaults } from './generation-defaults.ts';

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'safetune-defaults-'));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

async function defaultsOf(content: object) {
  await writeFile(join(directory, 'generation_config.json'), JSON.stringify(content));
  return readGenerationDefaults(directory);
}

describe('readGenerationDefaults', () => {
  it('reads what Qwen2.5-0.5B-Instruct has', async () => {
    const content = {
      bos_token_id: 151643,
      pad_token_id: 151643,
      do_sample: true,
      eos_token_id: [151645, 151643],
      repetition_penalty: 1.1,
      temperature: 0.7,
      top_p: 0.8,
      top_k: 20,
      transformers_version: '4.37.0',
    };
    expect(await defaultsOf(content)).toEqual({
      options: { repetitionPenalty: 1.1, temperature: 0.7, topP: 0.8, topK: 20 },
      unsupported: {},
    });
  });

  it.each([
    [{ do_sample: false, temperature: 0.7, top_k: 0 }, { temperature: 0 }],
    [
      { do_sample: true, min_p: 0.1, top_k: -1 },
      { temperature: 1, minP: 0.1 },
    ],
    [{ temperature: 0.3, top_k: null }, { temperature: 0.3 }],
    [
      { max_new_tokens: 64, stop_strings: 'END', max_length: 20 },
      { maxNewTokens: 64, stopStrings: ['END'] },
    ],
    [{ stop_strings: ['a', 'b'] }, { stopStrings: ['a', 'b'] }],
  ])('%j is %j', async (content, options) => {
    expect(await defaultsOf(content)).toEqual({ options, unsupported: {} });
  });

  it('names what would change answers and is not supported', async () => {
    const unsupported = {
      num_beams: 4,
      no_repeat_ngram_size: 3,
      typical_p: 0.9,
      suppress_tokens: [5],
      forced_eos_token_id: 2,
      token_healing: true,
      of_a_later_version: 'x',
    };
    const harmless = {
      ...{
        num_return_sequences: 1,
        guidance_scale: 1,
        bad_words_ids: [],
        sequence_bias: {},
        penalty_alpha: null,
      },
      ...{
        cache_implementation: 'hybrid',
        num_assistant_tokens: 5,
        _from_model_config: true,
        length_penalty: 2,
      },
    };
    expect(await defaultsOf({ ...unsupported, ...harmless })).toEqual({ options: {}, unsupported });
    expect(await defaultsOf({ num_beams: 1, no_repeat_ngram_size: 0, typical_p: 1 })).toEqual({
      options: {},
      unsupported: {},
    });
  });

  it.each([
    [{ temperature: -1 }, /generation_config\.json: temperature/],
    [{ top_p: 0 }, /top_p/],
    [{ top_k: 1.5, min_p: 2 }, /top_k.*min_p/],
    [{ repetition_penalty: '1.1' }, /repetition_penalty/],
    [{ stop_strings: [''] }, /stop_strings/],
  ])('refuses %j', async (content, message) => {
    await expect(defaultsOf(content)).rejects.toThrow(message);
  });

  it('asks for nothing where there is no file', async () => {
    await rm(join(directory, 'generation_config.json'), { force: true });
    expect(await readGenerationDefaults(directory)).toEqual({ options: {}, unsupported: {} });
  });

  it("reads a GGUF file's", async () => {
    const [uint32, int32, float32] = [4, 5, 6];
    const metadata = tinyMetadata({
      'general.sampling.temp': [float32, 0.6],
      'general.sampling.top_k': [int32, 20],
      'general.sampling.top_p': [float32, 0.95],
      'general.sampling.penalty_repeat': [float32, 1.05],
      'general.sampling.mirostat': [int32, 2],
      'general.sampling.xtc_probability': [float32, 0],
      'general.sampling.eos_token_id': [uint32, 3],
    });
    const path = join(directory, 'model.gguf');
    await writeFile(path, ggufBytes({ metadata: metadata!, tensors: tinyTensors() }));
    expect(await readGenerationDefaults(path)).toEqual({
      options: { temperature: 0.6, topK: 20, topP: 0.95, repetitionPenalty: 1.05 },
      unsupported: { mirostat: 2 },
    });
  });
});
