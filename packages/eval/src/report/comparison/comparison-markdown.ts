import { markdownTable, markdownText } from '../markdown.ts';
import type { ComparisonReport } from './comparison-report.ts';
import {
  comparisonNotes,
  differencesTable,
  questionsByRunTable,
  ratesByRunTable,
  settingsByRunTable,
} from './comparison-tables.ts';

/** A comparison in Markdown. No text in it acts as markup. */
export function comparisonMarkdown(
  report: ComparisonReport,
  { title = 'Comparison' }: { readonly title?: string } = {},
): string {
  const tables = [
    ratesByRunTable(report),
    differencesTable(report),
    questionsByRunTable(report),
    settingsByRunTable(report),
  ];
  return [
    `# ${markdownText(title)}`,
    ...tables.flatMap((table) => [`## ${table.heading}`, markdownTable(table)]),
    comparisonNotes(report)
      .map((note) => `- ${markdownText(note)}`)
      .join('\n'),
    '',
  ].join('\n\n');
}
