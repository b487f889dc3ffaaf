import type { EvaluationResult } from '../run/evaluation-result.ts';
import { breakdownOf } from './breakdown.ts';
import { wrapped } from './figure-list.ts';
import { reportNotes } from './report-notes.ts';
import { formsTable, ratesTable, reasonsTable, settingsTable } from './report-tables.ts';
import type { TableOptions } from './terminal.ts';
import { terminalTable } from './terminal-table.ts';

/**
 * One evaluation for a terminal: the rates of the whole and of each group and form, what is counted, with which thresholds, why
 * answers are unscored or missing, and how it was done. Text of files and servers is made printable.
 */
export function evaluationText(result: EvaluationResult, { columns }: TableOptions = {}): string {
  const breakdown = breakdownOf(result);
  const notes = reportNotes(result).flatMap((note) =>
    columns === undefined ? [note] : wrapped(note, columns),
  );
  const tables = [formsTable(breakdown), reasonsTable(result), settingsTable(result)];
  return [
    terminalTable(ratesTable(breakdown), columns),
    notes.join('\n'),
    ...tables.filter((table) => table !== undefined).map((table) => terminalTable(table, columns)),
  ].join('\n\n');
}
