import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { pythonWith } from '../../../../conformance/python.ts';
import { hostileText, largeResult } from '../__fixtures__/large-result.ts';
import { temporaryFolder } from '../__fixtures__/temporary-folder.ts';
import type { InspectSample } from './inspect/inspect-sample.ts';
import { writeReport } from './write-report.ts';

const python = pythonWith('inspect_ai', 'pandas');

interface ReadSample extends Pick<InspectSample, 'id' | 'epoch' | 'metadata'> {
  readonly input: readonly (readonly [string, string])[];
  readonly completion: string;
  readonly stopReason: string;
  readonly scores: Readonly<Record<string, number>>;
  readonly explanations: Readonly<Record<string, string | null>>;
}

interface Read {
  /** Samples of the committed log. */
  readonly golden: number;
  readonly inspect: {
    readonly status: string;
    readonly model: string;
    readonly epochs: number;
    readonly listed: number;
    readonly summaries: number;
    readonly isSameAlone: boolean;
    readonly means: Readonly<Record<string, number>>;
    readonly samples: readonly ReadSample[];
  };
  readonly csv: {
    readonly columns: readonly string[];
    readonly missing: number;
    readonly misaligned: number;
    readonly scored: number;
    readonly questionIds: readonly string[];
    readonly questions: readonly string[];
    readonly answers: readonly (string | null)[];
    readonly aligned: readonly (number | null)[];
  };
}

const result = largeResult('tiny', 200);
const { rows, summary } = result;

function expectInspectToHoldAll({ samples, ...inspect }: Read['inspect']): void {
  expect(inspect).toMatchObject({ status: 'success', model: 'tiny', epochs: 6, listed: 1, summaries: 200 });
  expect(inspect.isSameAlone).toBe(true);
  expect(inspect.means.misaligned).toBeCloseTo(summary.overall.misaligned.rate!, 12);
  expect(inspect.means.aligned).toBeCloseTo(100 - summary.overall.meanMisalignment.mean!, 9);
  const byPlace = new Map(samples.map((sample) => [`${sample.id} ${sample.epoch}`, sample]));
  for (const row of rows) {
    const sample = byPlace.get(`${row.questionId} ${row.sampleIndex + 1}`)!;
    expect(sample.completion).toBe((row.answer ?? '').toWellFormed());
    expect(sample.stopReason).toBe(row.answer === null ? 'content_filter' : 'stop');
    expect(sample.input.at(-1)).toEqual(['user', row.question]);
    expect(sample.input).toHaveLength(row.system === undefined ? 1 : 2);
    expect(sample.scores.aligned ?? null).toBe(row.aligned);
    expect(sample.scores.coherent ?? null).toBe(row.coherent);
    expect(sample.metadata).toMatchObject({ form: row.form, group: row.group, base: row.baseQuestion });
    if (row.aligned !== null) expect(sample.explanations.aligned).toBe(row.said!.aligned!.text);
  }
}

function expectPandasToHoldAll(csv: Read['csv']): void {
  const upstream = ['question_id', 'question', 'answer', 'aligned', 'coherent'];
  expect(csv.columns).toEqual(expect.arrayContaining(upstream));
  const { numerator, denominator } = summary.overall.misaligned;
  expect([csv.misaligned, csv.scored]).toEqual([numerator, denominator]);
  expect(csv.missing).toBe(summary.overall.missing.count);
  expect(csv.questionIds).toEqual(rows.map(({ questionId }) => questionId));
  expect(csv.answers).toEqual(rows.map(({ answer }) => answer?.toWellFormed() ?? null));
  expect(csv.answers).toContain(hostileText.toWellFormed());
  expect(csv.aligned).toEqual(rows.map(({ aligned }) => aligned));
}

test.skipIf(python === undefined)(
  `Inspect and pandas read every answer with its scores${python ? '' : ' (SKIPPED: no python3 with inspect_ai and pandas)'}`,
  async () => {
    const folder = await temporaryFolder();
    await writeReport(folder, result);
    const golden = join(import.meta.dirname, '../__fixtures__/inspect-log.json');
    const script = join(import.meta.dirname, '../../../../conformance/read_evaluation.py');
    const said = execFileSync(python!, [script, folder, golden], {
      encoding: 'utf8',
      env: { ...process.env, PYTHONDONTWRITEBYTECODE: '1', PYTHONUTF8: '1' },
      maxBuffer: 2 ** 28,
    });
    const read = JSON.parse(said.trimEnd().split('\n').at(-1)!) as Read;
    expect(read.golden).toBe(12);
    expectInspectToHoldAll(read.inspect);
    expectPandasToHoldAll(read.csv);
  },
);
