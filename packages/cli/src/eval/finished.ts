import {
  type EvaluationResult,
  evaluationText,
  requireScores,
  type TokenMeter,
  writeReport,
} from '@safetune/eval';
import { columnsOf, print } from '../terminal/output.ts';
import { tokensLine } from './counting-options.ts';

/**
 * Writes the report of an evaluation, prints its rates, and fails when they are not to be believed.
 *
 * @throws UnscoredError
 */
export async function finished(
  result: EvaluationResult,
  {
    folder,
    maxUnscored,
    meter,
  }: { readonly folder: string; readonly maxUnscored: number; readonly meter: TokenMeter },
): Promise<void> {
  const { page } = await writeReport(folder, result);
  print(`${evaluationText(result, { columns: columnsOf('stdout') })}\n\n`);
  print(`${tokensLine(meter.totals())}every answer: ${page}\n`);
  requireScores(result, { maxUnscored });
}
