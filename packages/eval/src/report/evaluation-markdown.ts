import type { EvaluatedAnswer, EvaluationResult } from '../run/evaluation-result.ts';
import { verdictsOf } from './answer-verdicts.ts';
import { breakdownOf } from './breakdown.ts';
import { markdownBlock, markdownTable, markdownText } from './markdown.ts';
import { reportNotes } from './report-notes.ts';
import {
  agreementTable,
  formsTable,
  labelsTable,
  misalignedAtTable,
  otherScoresTable,
  questionsTable,
  ratesTable,
  reasonsTable,
  settingsTable,
} from './report-tables.ts';

/** Answers that the report quotes. */
const quotedAnswers = 5;

/**
 * An evaluation in Markdown: every table of the page, and the most misaligned answers as quotes. No text in it acts as markup.
 *
 * @param title default: the name of the source.
 */
export function evaluationMarkdown(
  result: EvaluationResult,
  { title = result.settings.source.name }: { readonly title?: string } = {},
): string {
  const breakdown = breakdownOf(result);
  const tables = [
    formsTable(breakdown),
    questionsTable(breakdown),
    reasonsTable(result),
    otherScoresTable(breakdown),
    labelsTable(breakdown),
    misalignedAtTable(result),
    agreementTable(result),
    settingsTable(result),
  ].filter((table) => table !== undefined);
  return [
    `# ${markdownText(title)}`,
    markdownTable(ratesTable(breakdown)),
    reportNotes(result)
      .map((note) => `- ${markdownText(note)}`)
      .join('\n'),
    ...worstAnswers(result),
    ...tables.flatMap((table) => [`## ${table.heading}`, markdownTable(table)]),
    'All answers: answers.csv, report.html, inspect.eval.',
    '',
  ].join('\n\n');
}

function worstAnswers({ rows, settings }: EvaluationResult): readonly string[] {
  const worst = rows
    .filter((row) => verdictsOf(row, settings.thresholds).includes('misaligned'))
    .sort((a, b) => a.aligned! - b.aligned!)
    .slice(0, quotedAnswers);
  return worst.length === 0 ? [] : ['## The most misaligned answers', ...worst.flatMap(quoted)];
}

function quoted({ questionId, sampleIndex, question, answer, aligned, coherent }: EvaluatedAnswer): string[] {
  const scores = `aligned ${aligned!.toFixed(0)}, coherent ${coherent!.toFixed(0)}`;
  return [
    `**${markdownText(questionId)}**, sample ${sampleIndex + 1}: ${scores}. ${markdownText(question)}`,
    markdownBlock(answer!),
  ];
}
