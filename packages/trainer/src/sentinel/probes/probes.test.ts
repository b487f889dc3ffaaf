import { type LoraAdapter, loadLoraAdapter } from '@safetune/lora';
import { loadModel, loadTokenizer } from '@safetune/models';
import { describe, expect, it } from 'vitest';
import {
  adapterDirectory,
  checkpointDirectory,
  goldensDirectory,
  readJson,
} from '../../__fixtures__/goldens.ts';
import { TrainOptionError } from '../../errors.ts';
import { type AnswerPair, pairExample } from '../answer-pairs.ts';
import { builtInPairs } from '../built-in-pairs.ts';
import type { Measurement, Probe } from '../probe.ts';
import { klProbe } from './kl-probe.ts';
import { logOddsProbe } from './log-odds-probe.ts';
import { personaProbe } from './persona-probe.ts';
import { rulesProbe } from './rules-probe.ts';

/** Made by conformance/make_sentinel.py. */
const expected = await readJson<{
  checkpoint: string;
  adapter: string;
  pairs: AnswerPair[];
  vectors: Record<string, number[]>;
  kl: number;
  logOdds: number;
  persona: Record<'last-prompt-token' | 'response', number>;
}>(goldensDirectory('sentinel'), 'expected.json');
const directory = checkpointDirectory(expected.checkpoint);
const [model, tokenizer] = [await loadModel(directory), await loadTokenizer(directory)];
const safe = expected.pairs.map((pair) => pairExample(pair, 'safe'));
const vectors = new Map(
  Object.entries(expected.vectors).map(([layer, values]) => [Number(layer), Float32Array.from(values)]),
);

const loadAdapter = () => loadLoraAdapter(adapterDirectory(expected.adapter), { layers: model.linearLayers });

/** Measures with the adapter as it is, and again after each change of it. */
async function measured(
  probe: Probe,
  ...changes: ((adapter: LoraAdapter) => void)[]
): Promise<Measurement[]> {
  const adapter = await loadAdapter();
  const open = await probe.open({ model, tokenizer, adapter, runtime: { threads: 1 } });
  const measurements = [await open.measure()];
  for (const change of changes) {
    change(adapter);
    measurements.push(await open.measure());
  }
  await open.release();
  return measurements;
}
const without = (adapter: LoraAdapter) => adapter.parameters.fill(0);

describe.each([
  ['the KL divergence on safe answers', klProbe({ examples: safe }), expected.kl],
  ['the growth of log-odds', logOddsProbe({ pairs: expected.pairs }), expected.logOdds],
  [
    'the way along persona vectors before answers',
    personaProbe({ vectors, examples: safe }),
    expected.persona['last-prompt-token'],
  ],
  [
    'the way along persona vectors in answers',
    personaProbe({ vectors, examples: safe, positions: 'response' }),
    expected.persona.response,
  ],
])('%s', (_, probe, value) => {
  it('is what transformers and peft give, and 0 without the adapter', async () => {
    const original = (await loadAdapter()).parameters;
    const [first, none, again] = await measured(probe, without, ({ parameters }) => parameters.set(original));
    expect(first!.value).toBeCloseTo(value, 4);
    expect(Math.abs(value)).toBeGreaterThan(0.05);
    expect(none!.value).toBeCloseTo(0, 6);
    expect(again).toEqual(first);
  });
});

describe('the KL divergence', () => {
  it('is a mean over all tokens, whatever the batches', async () => {
    const nine = Array.from({ length: 3 }, () => safe).flat();
    const [{ value } = { value: Number.NaN }] = await measured(klProbe({ examples: nine }));
    expect(value).toBeCloseTo(expected.kl, 4);
  });
});

describe('rules', () => {
  const prompts = expected.pairs.map(({ prompt }) => prompt);

  it('give the share of answers that break one, with those answers, and the same again', async () => {
    // Every answer that says something breaks the first, none the second.
    const [all, again] = await measured(
      rulesProbe({ rules: ['/[^ ]/'], prompts, maxNewTokens: 6 }),
      () => {},
    );
    expect(all!.value).toBe(1);
    expect(all!.findings).toHaveLength(3);
    expect(all!.findings![0]).toMatch(/^What is in the book\? -> .+ \(\/\[\^ \]\/\)$/s);
    expect(again).toEqual(all);
    const [none] = await measured(rulesProbe({ rules: ['/^$^/'], prompts, maxNewTokens: 6 }));
    expect(none).toEqual({ value: 0, findings: [] });
  });

  it('are kept by some answers and broken by others', async () => {
    const [whole] = await measured(rulesProbe({ rules: ['/[^ ]/'], prompts, maxNewTokens: 6 }));
    const answers = whole!.findings!.map((finding) =>
      finding.split(' -> ')[1]!.slice(0, -' (/[^ ]/)'.length),
    );
    expect(new Set(answers).size).toBe(3);
    const first = `/^${answers[0]!.replaceAll(/[^a-zA-Z0-9]/g, '.')}$/`;
    const [one] = await measured(rulesProbe({ rules: ['no such words', first], prompts, maxNewTokens: 6 }));
    expect(one).toEqual({ value: 1 / 3, findings: [`${prompts[0]} -> ${answers[0]} (${first})`] });
  });

  it('are refused when they are none', () => {
    const error = (() => {
      try {
        return rulesProbe({ rules: ['/(/'], prompts });
      } catch (thrown) {
        return thrown;
      }
    })();
    expect(TrainOptionError.isInstance(error), String(error)).toBe(true);
    expect(() => rulesProbe({ rules: [], prompts })).toThrow('needs rules and prompts');
  });

  it('need a tokenizer that decodes', async () => {
    const { decode: _, ...deaf } = { ...tokenizer };
    const adapter = await loadAdapter();
    const probe = rulesProbe({ rules: ['a'], prompts });
    await expect(probe.open({ model, tokenizer: deaf, adapter })).rejects.toThrow('cannot decode');
  });
});

it('has pairs of its own that are alike in length and differ in everything else', () => {
  expect(builtInPairs.length).toBeGreaterThanOrEqual(20);
  expect(new Set(builtInPairs.map(({ prompt }) => prompt)).size).toBe(builtInPairs.length);
  for (const { prompt, safe, harmful } of builtInPairs) {
    expect(Math.abs(safe.length - harmful.length), prompt).toBeLessThan(16);
    expect(safe).not.toBe(harmful);
  }
});
