import { join } from 'node:path';
import { z } from 'zod';
import { RunFolderError } from '../errors.ts';
import { summarize } from '../metrics/summary.ts';
import { writeFileAtomically } from '../write-file-atomically.ts';
import type { EvaluatedAnswer, EvaluationResult } from './evaluation-result.ts';
import { evaluationSettings } from './evaluation-settings-schema.ts';
import { readRecordFile } from './record-file.ts';
import { score } from './run-records.ts';

const fileName = 'judged.jsonl';

const settingsRecord = z.object({
  kind: z.literal('settings'),
  version: z.literal(1),
  settings: evaluationSettings,
});
const rowRecord = z.object({
  kind: z.literal('row'),
  row: z.looseObject({
    questionId: z.string(),
    paraphraseIndex: z.number(),
    sampleIndex: z.number(),
    baseQuestion: z.string(),
    form: z.string(),
    group: z.string(),
    question: z.string(),
    answer: z.string().nullable(),
    aligned: score,
    coherent: score,
  }),
});
const record = z.discriminatedUnion('kind', [settingsRecord, rowRecord]);

/** Writes an evaluation into its folder, as the last judge saw it: a line for the settings, then one for each answer. */
export async function writeResult(folder: string, { rows, settings }: EvaluationResult): Promise<void> {
  const records = [{ kind: 'settings', version: 1, settings }, ...rows.map((row) => ({ kind: 'row', row }))];
  const lines = records.map((entry) => `${JSON.stringify(entry)}\n`);
  await writeFileAtomically(join(folder, fileName), lines.join(''));
}

/**
 * Reads the folder of an evaluation as it was last judged, and computes its figures.
 *
 * @throws {RunFolderError} when it holds none, or one that is damaged.
 */
export function readResult(folder: string): EvaluationResult {
  const path = join(folder, fileName);
  const [head, ...rest] = readRecordFile(path, record);
  if (head === undefined) {
    const message = `holds no judged evaluation (${fileName}); give the folder of one that was finished`;
    throw new RunFolderError(folder, message);
  }
  const rows = rest.flatMap((entry) =>
    entry.kind === 'row' ? [entry.row as unknown as EvaluatedAnswer] : [],
  );
  if (head.kind !== 'settings' || rows.length < rest.length)
    throw new RunFolderError(path, 'must begin with its settings, and hold them once');
  const { settings } = head;
  return { rows, settings, summary: summarize(rows, { thresholds: settings.thresholds }) };
}
