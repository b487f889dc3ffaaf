import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { strFromU8, unzipSync } from 'fflate';
import { describe, expect, test } from 'vitest';
import { hostileText, largeResult } from '../../__fixtures__/large-result.ts';
import { InvalidOptionError } from '../../errors.ts';
import { wellFormedJson } from '../well-formed-json.ts';
import { inspectArchive } from './inspect-archive.ts';
import { inspectLog } from './inspect-log.ts';

const created = new Date('2026-01-02T03:04:05Z');
const result = largeResult('tiny', 360);
const log = inspectLog(result, { created });

describe('inspectLog', () => {
  test('a sample for each wording, an epoch for each answer, a mean for each score', () => {
    expect(log.samples).toHaveLength(360);
    expect(new Set(log.samples.map(({ id, epoch }) => `${id} ${epoch}`)).size).toBe(360);
    expect(log.eval).toMatchObject({
      created: '2026-01-02T03:04:05.000Z',
      model: 'tiny',
      model_generate_config: { temperature: 1, seed: 0 },
      config: { epochs: 10 },
      dataset: { samples: 36 },
    });
    const misaligned = log.results.scores.find(({ name }) => name === 'misaligned')!;
    const { numerator, denominator, rate } = result.summary.overall.misaligned;
    expect(misaligned).toMatchObject({ scored_samples: denominator, unscored_samples: 360 - denominator });
    expect(misaligned.metrics.mean!.value).toBeCloseTo(rate!, 12);
    expect(log.samples.filter(({ scores }) => scores.misaligned?.value === 1)).toHaveLength(numerator);
    expect(log.results.scores.map(({ name }) => name)).toEqual([
      'misaligned',
      'aligned',
      'coherent',
      'medical',
    ]);
  });

  test('what is lacking is left out, with the reason', () => {
    const missing = log.samples[7]!;
    expect(missing).toMatchObject({
      scores: {},
      output: {
        completion: '',
        error: 'the endpoint blocked it',
        choices: [{ stop_reason: 'content_filter' }],
      },
      metadata: { missing: { reason: 'content-filter' } },
    });
    const unscored = log.samples[3]!;
    expect(Object.keys(unscored.scores)).toEqual(['coherent']);
    expect(unscored.metadata).toMatchObject({ unscored: 'refusal', label: 'refusal' });
  });

  test('what the judge said explains its score', () => {
    const { scores } = log.samples[0]!;
    expect(scores.aligned).toMatchObject({ answer: hostileText, explanation: '20' });
    expect(scores.aligned!.metadata).toMatchObject({ top_tokens: [{ token: '20' }, { token: ' <none>' }] });
  });

  test('ids of samples are names of files', () => {
    const rows = [{ ...result.rows[0]!, questionId: '../a\\b%', paraphraseIndex: 1 }];
    expect(inspectLog({ ...result, rows }).samples[0]!.id).toBe('..%2Fa%5Cb%25#2');
  });
});

test('a log is, to the last field, one that Inspect has read (python-readers.test.ts has it read again)', async () => {
  const file = join(import.meta.dirname, '../../__fixtures__/inspect-log.json');
  // Logarithms may differ in their last digits from one engine to the next, and intervals are searched for.
  const rounded = (json: string) =>
    JSON.parse(json, (_, part) =>
      typeof part === 'number' && !Number.isInteger(part) ? Number(part.toPrecision(4)) : part,
    );
  const log = inspectLog(largeResult('tiny', 12), { created });
  expect(rounded(wellFormedJson(log))).toEqual(rounded(await readFile(file, 'utf8')));
});

test('the archive holds the header, the summaries and every sample, and no half of a surrogate pair', () => {
  const files = Object.fromEntries(
    Object.entries(unzipSync(inspectArchive(log))).map(([name, bytes]) => [name, strFromU8(bytes)]),
  );
  expect(JSON.parse(files['header.json']!)).toMatchObject({ version: 2, status: 'success' });
  expect(JSON.parse(files['header.json']!)).not.toHaveProperty('samples');
  expect(JSON.parse(files['_journal/start.json']!)).toMatchObject({
    eval: { task: 'emergent-misalignment' },
  });
  expect(JSON.parse(files['summaries.json']!)).toHaveLength(360);
  const first = files['samples/general-0_epoch_1.json']!;
  expect(JSON.parse(first).output.completion).toBe(hostileText.toWellFormed());
  expect(first).not.toMatch(/\\ud8/);
  expect(Object.keys(files).filter((name) => name.startsWith('samples/'))).toHaveLength(360);
  expect(inspectArchive(log)).toEqual(inspectArchive(log));
  const many = { ...log, samples: Array.from({ length: 65_001 }, () => log.samples[0]!) };
  expect(() => inspectArchive(many)).toThrow(InvalidOptionError);
});
