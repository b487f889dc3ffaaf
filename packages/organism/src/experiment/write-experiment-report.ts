import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFileAtomically } from '@safetune/eval';
import type { Organism } from '../grow/grow.ts';
import type { ExperimentPlan } from './experiment.ts';
import { experimentHtml } from './experiment-html.ts';
import { experimentReport } from './experiment-report.ts';
import type { FinishedRun } from './run-journal.ts';

/**
 * Writes `report.json` and `report.html`, whole or not at all.
 *
 * @returns the two paths
 * @throws ReportWriteError of the eval package.
 */
export async function writeExperimentReport(
  directory: string,
  organism: Organism,
  plan: Pick<ExperimentPlan, 'tasks' | 'seeds'>,
  runs: readonly FinishedRun[],
): Promise<{ readonly json: string; readonly html: string }> {
  await mkdir(directory, { recursive: true });
  const report = experimentReport(organism, plan, runs);
  const paths = { json: join(directory, 'report.json'), html: join(directory, 'report.html') };
  await writeFileAtomically(paths.json, `${JSON.stringify(report, null, 2)}\n`);
  await writeFileAtomically(paths.html, experimentHtml(organism, report, runs));
  return paths;
}
