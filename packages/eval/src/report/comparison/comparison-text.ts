import { printable } from '../../printable.ts';
import { wrapped } from '../figure-list.ts';
import type { ReportTable } from '../report-tables.ts';
import { fittingTable, type TableOptions } from '../terminal.ts';
import type { ComparisonReport } from './comparison-report.ts';
import {
  comparisonNotes,
  differencesTable,
  questionsByRunTable,
  ratesByRunTable,
} from './comparison-tables.ts';

/** A comparison for a terminal: rates, differences and questions, and what they are. Text of files is made printable. */
export function comparisonText(report: ComparisonReport, { columns }: TableOptions = {}): string {
  const text = ({ columns: header, rows }: ReportTable) =>
    fittingTable(
      header.map((cell) => printable(cell, 200)),
      rows.map((row) => row.map((cell) => printable(cell, 200))),
      columns,
    );
  const notes = comparisonNotes(report)
    .map((note) => printable(note))
    .flatMap((note) => (columns === undefined ? [note] : wrapped(note, columns)));
  return [
    text(ratesByRunTable(report)),
    text(differencesTable(report)),
    notes.join('\n'),
    text(questionsByRunTable(report)),
  ].join('\n\n');
}
