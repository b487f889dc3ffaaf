import { join } from 'node:path';
import { writeFileAtomically } from '../../write-file-atomically.ts';
import { comparisonHtml } from '../html/comparison-page.ts';
import type { NamedRun } from '../named-run.ts';
import { wellFormedJson } from '../well-formed-json.ts';
import { prepareReportDirectory } from '../write-report.ts';
import { comparisonMarkdown } from './comparison-markdown.ts';
import type { ComparisonReport } from './comparison-report.ts';

/** Where a comparison was written. */
export interface WrittenComparison {
  /** comparison.json */
  readonly report: string;
  /** comparison.md */
  readonly markdown: string;
  /** comparison.html */
  readonly page: string;
}

/**
 * Writes comparison.json, comparison.md and comparison.html into a directory, which is made when it does not exist. Each file
 * appears whole or not at all.
 *
 * @param report of the same runs.
 * @throws {ReportWriteError} when the directory cannot be made or written.
 */
export async function writeComparison(
  directory: string,
  report: ComparisonReport,
  runs: readonly NamedRun[],
  { title = 'Comparison' }: { readonly title?: string } = {},
): Promise<WrittenComparison> {
  await prepareReportDirectory(directory);
  const written: WrittenComparison = {
    report: join(directory, 'comparison.json'),
    markdown: join(directory, 'comparison.md'),
    page: join(directory, 'comparison.html'),
  };
  await writeFileAtomically(written.markdown, comparisonMarkdown(report, { title }));
  await writeFileAtomically(written.page, comparisonHtml(report, runs, { title }));
  await writeFileAtomically(written.report, `${wellFormedJson(report, 2)}\n`);
  return written;
}
