import type { EvaluationResult } from '../../run/evaluation-result.ts';
import { type Breakdown, breakdownOf, type Part } from '../breakdown.ts';
import { escapeMarkup } from '../charts/svg.ts';
import { type HtmlPicture, type HtmlSection, htmlPage, tableMarkup } from '../html.ts';
import { reportNotes } from '../report-notes.ts';
import {
  formsTable,
  labelsTable,
  otherScoresTable,
  questionsTable,
  type ReportTable,
  ratesTable,
  reasonsTable,
  settingsTable,
} from '../report-tables.ts';
import { answersSection } from './answers-section.ts';
import { ratesPicture, scatterPicture, verdictPicture } from './evaluation-pictures.ts';
import { pageData } from './page-data.ts';
import { answersProgram } from './program.ts';
import { rateCards } from './rate-cards.ts';
import { answersStyle, evaluationStyle } from './style.ts';

/**
 * An evaluation as one self-contained page: rates with intervals by group, form and question, the scores in a plane with the
 * thresholds, every answer with search, filters and what the judge said, and how it was done. The page makes no request and
 * opens from a file.
 *
 * @param title default: the name of the source.
 */
export function evaluationHtml(
  result: EvaluationResult,
  { title = result.settings.source.name }: { readonly title?: string } = {},
): string {
  const breakdown = breakdownOf(result);
  const { judge, seed } = result.settings;
  const questions = ratesPicture('By question', breakdown.baseQuestions);
  return htmlPage({
    title,
    lead: [
      `<p class="lead">${escapeMarkup(`Judged by ${judge.name}; ${result.rows.length} answers to ${result.settings.questions} questions, seed ${seed}.`)}</p>`,
      navigation,
      rateCards(breakdown),
    ].join('\n'),
    style: evaluationStyle + answersStyle,
    script: answersProgram,
    sections: [
      {
        heading: 'Rates',
        id: 'rates',
        pictures: present([
          verdictPicture(result, breakdown),
          ratesPicture('Rates and their intervals', partsOf(breakdown)),
        ]),
        table: ratesTable(breakdown),
        markup: notes(reportNotes(result)),
      },
      {
        heading: 'Scores',
        id: 'scores',
        paragraphs: ['Choose a circle to see its answers below.'],
        pictures: present([scatterPicture(result)]),
      },
      {
        heading: 'Questions',
        id: 'questions',
        pictures: present([questions]),
        markup: tables([questionsTable(breakdown), formsTable(breakdown)]),
      },
      answersSection(pageData([{ name: title, result }])),
      {
        heading: 'How it was done',
        id: 'method',
        markup: tables([
          settingsTable(result),
          reasonsTable(result),
          otherScoresTable(result),
          labelsTable(result),
        ]),
      } satisfies HtmlSection,
    ],
  });
}

/** The whole, then the groups and forms, as far as there are several. */
function partsOf({ overall, groups, forms }: Breakdown): readonly Part[] {
  const several = [groups, forms].filter((parts) => parts.length > 1).flat();
  return [{ name: 'all', statistics: overall }, ...several];
}

const navigation = `<nav class="parts" aria-label="Parts of the page">${[
  ['rates', 'Rates'],
  ['scores', 'Scores'],
  ['questions', 'Questions'],
  ['answers', 'Answers'],
  ['method', 'How it was done'],
]
  .map(([id, text]) => `<a href="#${id}">${text}</a>`)
  .join('')}</nav>`;

function present(pictures: readonly (HtmlPicture | undefined)[]): readonly HtmlPicture[] {
  return pictures.filter((picture) => picture !== undefined);
}

function notes(texts: readonly string[]): string {
  return `<ul class="notes">${texts.map((text) => `<li>${escapeMarkup(text)}</li>`).join('')}</ul>`;
}

/** Tables below each other, those of words with a heading of their own beside each other where there is room. */
function tables(given: readonly (ReportTable | undefined)[]): string {
  const parts = given
    .filter((table) => table !== undefined)
    .map(
      (table) =>
        `<div><h3>${escapeMarkup(table.heading)}</h3>${tableMarkup(table, table.isText ? 'facts-table' : undefined)}</div>`,
    );
  return `<div class="side">${parts.join('\n')}</div>`;
}
