import { randomBytes } from 'node:crypto';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ReportWriteError } from '../errors.ts';
import type { EvaluationResult } from '../run/evaluation-result.ts';
import { writeFileAtomically } from '../write-file-atomically.ts';
import { answersCsv } from './csv.ts';
import { evaluationMarkdown } from './evaluation-markdown.ts';
import { evaluationHtml } from './html/evaluation-page.ts';
import { inspectArchive, mostInspectSamples } from './inspect/inspect-archive.ts';
import { inspectLog } from './inspect/inspect-log.ts';
import { evaluationReport } from './json.ts';
import { wellFormedJson } from './well-formed-json.ts';

/** Where a report was written. */
export interface WrittenReport {
  /** report.json: every figure, see {@link evaluationReport}. */
  readonly report: string;
  /** answers.csv: every answer, see {@link answersCsv}. */
  readonly answers: string;
  /** report.md, see {@link evaluationMarkdown}. */
  readonly markdown: string;
  /** report.html: the page, see {@link evaluationHtml}. */
  readonly page: string;
  /** inspect.eval: the log of Inspect, see {@link inspectLog}; null for more than {@link mostInspectSamples} answers. */
  readonly inspect: string | null;
}

/** What {@link writeReport} may be told. */
export interface ReportOptions {
  /** Heading of the page and of the Markdown; default: the name of the source. */
  readonly title?: string;
  /** Time that the log of Inspect names as its own; default now. */
  readonly created?: Date;
}

/**
 * Writes report.json, answers.csv, report.md, report.html and inspect.eval into a directory, which is made when it does not
 * exist. Each file appears whole or not at all.
 *
 * @throws {ReportWriteError} when the directory cannot be made or written.
 */
export async function writeReport(
  directory: string,
  result: EvaluationResult,
  { title = result.settings.source.name, created = new Date() }: ReportOptions = {},
): Promise<WrittenReport> {
  await prepareReportDirectory(directory);
  const written: WrittenReport = {
    report: join(directory, 'report.json'),
    answers: join(directory, 'answers.csv'),
    markdown: join(directory, 'report.md'),
    page: join(directory, 'report.html'),
    inspect: result.rows.length > mostInspectSamples ? null : join(directory, 'inspect.eval'),
  };
  await writeFileAtomically(written.answers, answersCsv(result.rows));
  await writeFileAtomically(written.markdown, evaluationMarkdown(result, { title }));
  await writeFileAtomically(written.page, evaluationHtml(result, { title }));
  if (written.inspect !== null)
    await writeFileAtomically(written.inspect, inspectArchive(inspectLog(result, { created })));
  // The last, for whoever waits for it finds the others.
  await writeFileAtomically(written.report, `${wellFormedJson(evaluationReport(result), 2)}\n`);
  return written;
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
