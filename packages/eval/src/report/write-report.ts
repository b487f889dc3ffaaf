import { randomBytes } from 'node:crypto';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ReportWriteError } from '../errors.ts';
import type { EvaluationResult } from '../run/evaluation-result.ts';
import { writeFileAtomically } from '../write-file-atomically.ts';
import { answersCsv } from './csv.ts';
import { evaluationReport } from './json.ts';

/** Where a report was written. */
export interface WrittenReport {
  /** answers.csv */
  readonly answers: string;
  /** report.json */
  readonly report: string;
}

/**
 * Writes answers.csv and report.json into a directory, which is made when it does not exist. Each file appears whole or
 * not at all.
 *
 * @throws {ReportWriteError} when the directory cannot be made or written.
 */
export async function writeReport(directory: string, result: EvaluationResult): Promise<WrittenReport> {
  await prepareReportDirectory(directory);
  const answers = join(directory, 'answers.csv');
  const report = join(directory, 'report.json');
  await writeFileAtomically(answers, answersCsv(result.rows));
  await writeFileAtomically(report, `${JSON.stringify(evaluationReport(result), null, 2)}\n`);
  return { answers, report };
}

/**
 * Makes the directory and tries to write into it. Call it before an evaluation begins: nobody should learn after hours
 * of sampling that the results have no place.
 *
 * @throws {ReportWriteError} when the directory cannot be made or written.
 */
export async function prepareReportDirectory(directory: string): Promise<void> {
  const trial = join(directory, `.writable.${randomBytes(6).toString('hex')}.tmp`);
  try {
    await mkdir(directory, { recursive: true });
    await writeFile(trial, '');
    await rm(trial);
  } catch (cause) {
    const message = `is not a directory that can be written (${(cause as Error).message}); choose another`;
    throw new ReportWriteError(directory, message, { cause });
  }
}
