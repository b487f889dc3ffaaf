import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { EvaluationReport } from './json.ts';
import { ReportFileError } from './report-file-error.ts';
import { evaluationReportSchema } from './report-schema.ts';

/**
 * Reads a report.json, or that of the folder of an evaluation.
 *
 * @throws {ReportFileError} when it cannot be read, is no report, or one of another version of the format.
 */
export async function readReport(path: string): Promise<EvaluationReport> {
  const { file, text } = await textOf(path);
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch (cause) {
    throw new ReportFileError(file, `is not JSON (${(cause as Error).message})`, { cause });
  }
  const { format, version } = z.looseObject({}).catch({}).parse(content) as Record<string, unknown>;
  if (format === 'safetune-evaluation' && version !== 2) {
    const message = `is a report of version ${JSON.stringify(version)} of the format, and this package reads version 2: evaluate again, or judge its folder anew`;
    throw new ReportFileError(file, message);
  }
  const read = evaluationReportSchema.safeParse(content);
  if (read.success) return read.data;
  const [issue] = read.error.issues;
  const place = issue === undefined || issue.path.length === 0 ? '' : ` at ${issue.path.join('.')}`;
  throw new ReportFileError(file, `is not the report of an evaluation${place}: ${issue?.message}`, {
    cause: read.error,
  });
}

async function textOf(path: string): Promise<{ readonly file: string; readonly text: string }> {
  try {
    const file = (await stat(path)).isDirectory() ? join(path, 'report.json') : path;
    return { file, text: await readFile(file, 'utf8') };
  } catch (cause) {
    throw new ReportFileError(path, `cannot be read (${(cause as Error).message})`, { cause });
  }
}
