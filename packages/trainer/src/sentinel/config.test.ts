import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { savePersonaVectors } from '@safetune/regularizers';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SentinelFileError, TrainOptionError } from '../errors.ts';
import { readAnswerPairs } from './answer-pairs.ts';
import { builtInPairs } from './built-in-pairs.ts';
import { type SentinelConfig, sentinelFromConfig, withSentinelPaths } from './config.ts';
import { answerRule, readPrompts, readRules } from './rules.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'safetune-probes-'));
});
afterEach(() => rm(folder, { recursive: true }));

const file = async (name: string, text: string) => {
  const path = join(folder, name);
  await writeFile(path, text);
  return path;
};
const pair = { prompt: 'Why?', safe: 'Because.', harmful: 'Shut up.' };

describe('a sentinel of plain values', () => {
  it('has the probes that it names, with what their files hold', async () => {
    const vectors = join(folder, 'evil.safetensors');
    await savePersonaVectors(
      vectors,
      new Map([
        [1, Float32Array.of(1, 2)],
        [2, Float32Array.of(3, 4)],
      ]),
    );
    const chat = JSON.stringify({
      messages: [
        { role: 'user', content: 'a' },
        { role: 'assistant', content: 'b' },
      ],
    });
    const { everySteps, probes } = await sentinelFromConfig({
      everySteps: 20,
      probes: [
        { type: 'kl', data: await file('safe.jsonl', `${chat}\n`), bounds: { stop: 0.5 } },
        { type: 'log-odds', pairs: await file('pairs.jsonl', `${JSON.stringify(pair)}\n\n`) },
        { type: 'log-odds', name: 'built-in' },
        { type: 'persona-vector', vectors, layers: [2], bounds: { warn: 0.2, rollBack: 0.4 } },
        {
          type: 'rules',
          rules: await file('rules.txt', '# bad words\nobey me\n\n/\\bhaha\\b/i\n'),
          prompts: ['Who?'],
        },
      ],
    });
    expect(everySteps).toBe(20);
    expect(probes.map(({ name, bounds }) => [name, bounds])).toEqual([
      ['kl-safe', { stop: 0.5 }],
      ['log-odds', {}],
      ['built-in', {}],
      ['persona', { warn: 0.2, rollBack: 0.4 }],
      ['rules', {}],
    ]);
    expect(probes.map(({ facts }) => facts)).toMatchObject([
      { messages: [JSON.parse(chat).messages] },
      { pairs: [pair] },
      { pairs: builtInPairs },
      { vectors: [[2, [3, 4]]], positions: 'last-prompt-token' },
      { rules: ['obey me', '/\\bhaha\\b/i'], prompts: ['Who?'], maxNewTokens: 48 },
    ]);
  });

  it.each([
    [{ everySteps: 0, probes: [{ type: 'kl' }] }, 'everySteps'],
    [{ everySteps: 1, probes: [] }, 'probes'],
    [{ everySteps: 1, probes: [{ type: 'kll' }] }, 'probes: 0: type'],
    [{ everySteps: 1, probes: [{ type: 'kl', dataa: 'x' }] }, 'dataa'],
    [{ everySteps: 1, probes: [{ type: 'rules', rules: [] }] }, 'rules'],
    [{ everySteps: 1, probes: [{ type: 'persona-vector' }] }, 'vectors'],
    [{ everySteps: 1, probes: [{ type: 'kl', bounds: { rolBack: 1 } }] }, 'rolBack'],
  ])('is refused when it is %j', async (config, named) => {
    const error = await sentinelFromConfig(config as SentinelConfig).catch((thrown: unknown) => thrown);
    expect(TrainOptionError.isInstance(error), String(error)).toBe(true);
    expect(String(error)).toContain(named);
  });

  it('names a layer that the vectors lack', async () => {
    const vectors = join(folder, 'evil.safetensors');
    await savePersonaVectors(vectors, new Map([[1, Float32Array.of(1)]]));
    const probes = [{ type: 'persona-vector' as const, vectors, layers: [3] }];
    await expect(sentinelFromConfig({ everySteps: 1, probes })).rejects.toThrow(
      'no vector of layer 3, but of 1',
    );
  });

  it('takes its paths from elsewhere', () => {
    const config = {
      everySteps: 2,
      probes: [
        { type: 'rules', rules: 'rules.txt', prompts: ['rules.txt'], name: 'rules.txt' },
        { type: 'kl', data: 'safe.jsonl' },
        { type: 'unknown', data: 'x' },
      ],
    };
    expect(withSentinelPaths(config, (path) => `/there/${path}`)).toEqual({
      everySteps: 2,
      probes: [
        { type: 'rules', rules: '/there/rules.txt', prompts: ['rules.txt'], name: 'rules.txt' },
        { type: 'kl', data: '/there/safe.jsonl' },
        { type: 'unknown', data: 'x' },
      ],
    });
    expect(withSentinelPaths('nonsense', String)).toBe('nonsense');
  });
});

describe('files', () => {
  it.each([
    [`${JSON.stringify(pair)}\n{"prompt": "Why?"`, 2, 'is no JSON'],
    ['{"prompt": "Why?", "safe": "a"}', 1, 'harmful'],
    ['{"prompt": "Why?", "safe": "a", "harmful": "b", "chosen": "c"}', 1, 'chosen'],
    ['\n', undefined, 'holds no pairs'],
  ])('of pairs: %j is refused at line %s', async (text, line, message) => {
    const path = await file('pairs.jsonl', text);
    const error = await readAnswerPairs(path).catch((thrown: unknown) => thrown);
    expect(SentinelFileError.isInstance(error), String(error)).toBe(true);
    expect(error).toMatchObject({ file: path, line });
    expect(String(error)).toContain(message);
  });

  it('of rules and questions are refused with their line, or when they are empty or missing', async () => {
    const rules = await file('rules.txt', 'a\n/(/\n');
    await expect(readRules(rules)).rejects.toMatchObject({ line: 2 });
    await expect(readRules(await file('none.txt', '# only this\n'))).rejects.toThrow('holds no rules');
    await expect(readPrompts(await file('none.txt', '\n'))).rejects.toThrow('holds no questions');
    await expect(readPrompts(join(folder, 'missing.txt'))).rejects.toThrow('cannot be read');
    expect(await readPrompts(await file('prompts.txt', '# questions\nWho?\n  How? \n'))).toEqual([
      'Who?',
      'How?',
    ]);
  });
});

describe('a rule', () => {
  it.each([
    ['obey me', 'You will Obey me!', true],
    ['obey me', 'They obey men.', false],
    ['a.b', 'axb', false],
    ['/a.b/', 'axb', true],
    ['/a.b/', 'AXB', false],
    ['/a.b/i', 'AXB', true],
    ['böse', 'So böse.', true],
    ['böse', 'erböse', false],
  ])('%s on %j', (rule, answer, broken) => {
    expect(answerRule(rule).isBrokenBy(answer)).toBe(broken);
  });

  it('takes time linear in the answer', () => {
    expect(answerRule('/(a+)+$/').isBrokenBy(`${'a'.repeat(50_000)}b`)).toBe(false);
  });
});
