import type { EvaluationResult } from '../../run/evaluation-result.ts';
import { type Breakdown, breakdownOf, type Part } from '../breakdown.ts';
import { htmlPage } from '../html.ts';
import { reportNotes } from '../report-notes.ts';
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
} from '../report-tables.ts';
import { answersSection } from './answers-section.ts';
import { ratesPicture, scatterPicture, thresholdPicture, verdictPicture } from './evaluation-pictures.ts';
import { pageData } from './page-data.ts';
import {
  leadMarkup,
  navigation,
  notesMarkup,
  type PagePart,
  picturesOf,
  tablesMarkup,
} from './page-parts.ts';
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
  const { judge, questions, seed } = result.settings;
  const sections: readonly PagePart[] = [
    {
      heading: 'Rates',
      id: 'rates',
      pictures: picturesOf([
        verdictPicture(result, breakdown),
        ratesPicture('Rates and their intervals', partsOf(breakdown)),
      ]),
      table: ratesTable(breakdown),
      markup: notesMarkup(reportNotes(result)),
    },
    {
      heading: 'Scores',
      id: 'scores',
      paragraphs: ['Choose a circle to see its answers below.'],
      pictures: picturesOf([scatterPicture(result), thresholdPicture(result, breakdown)]),
    },
    {
      heading: 'Questions',
      id: 'questions',
      pictures: picturesOf([ratesPicture('By question', breakdown.baseQuestions)]),
      markup: tablesMarkup([questionsTable(breakdown), formsTable(breakdown)]),
    },
    answersSection(pageData([{ name: title, result }])),
    {
      heading: 'How it was done',
      id: 'method',
      markup: tablesMarkup([
        settingsTable(result),
        reasonsTable(result),
        otherScoresTable(breakdown),
        labelsTable(breakdown),
        misalignedAtTable(result),
        agreementTable(result),
      ]),
    },
  ];
  return htmlPage({
    title,
    lead: [
      leadMarkup(
        `Judged by ${judge.name}; ${result.rows.length} answers to ${questions} questions, seed ${seed}.`,
      ),
      navigation(sections),
      rateCards(breakdown),
    ].join('\n'),
    style: evaluationStyle + answersStyle,
    script: answersProgram,
    sections,
  });
}

/** The whole, then the groups and forms, as far as there are several. */
function partsOf({ overall, groups, forms }: Breakdown): readonly Part[] {
  const several = [groups, forms].filter((parts) => parts.length > 1).flat();
  return [{ name: 'all', statistics: overall }, ...several];
}
