import { printable } from '../../printable.ts';
import { wrapped } from '../figure-list.ts';
import type { TableOptions } from '../terminal.ts';
import { terminalTable } from '../terminal-table.ts';
import type { ComparisonReport } from './comparison-report.ts';
import {
  comparisonNotes,
  differencesTable,
  questionsByRunTable,
  ratesByRunTable,
} from './comparison-tables.ts';

/** A comparison for a terminal: rates, differences and questions, and what they are. Text of files is made printable. */
export function comparisonText(report: ComparisonReport, { columns }: TableOptions = {}): string {
  const notes = comparisonNotes(report)
    .map((note) => printable(note))
    .flatMap((note) => (columns === undefined ? [note] : wrapped(note, columns)));
  return [
    terminalTable(ratesByRunTable(report), columns),
    terminalTable(differencesTable(report), columns),
    notes.join('\n'),
    terminalTable(questionsByRunTable(report), columns),
  ].join('\n\n');
}
