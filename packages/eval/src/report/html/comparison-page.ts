import { dotPlotSvg } from '../charts/dot-plot.ts';
import type { ComparisonReport } from '../comparison/comparison-report.ts';
import {
  allQuestions,
  comparedParts,
  comparisonNotes,
  differencesTable,
  partOf,
  questionsByRunTable,
  ratesByRunTable,
  settingsByRunTable,
} from '../comparison/comparison-tables.ts';
import { type HtmlPicture, htmlPage } from '../html.ts';
import type { NamedRun } from '../named-run.ts';
import { answersSection } from './answers-section.ts';
import { percentages } from './evaluation-pictures.ts';
import { pageData } from './page-data.ts';
import {
  forBothWidths,
  leadMarkup,
  navigation,
  notesMarkup,
  type PagePart,
  picturesOf,
  tablesMarkup,
} from './page-parts.ts';
import { answersProgram } from './program.ts';
import { answersStyle, evaluationStyle } from './style.ts';

/**
 * Several evaluations on one self-contained page: the rates of each by group, how they differ from the baseline, the questions,
 * and the answers of all of them side by side with search and filters.
 *
 * @param report of the same runs.
 */
export function comparisonHtml(
  report: ComparisonReport,
  runs: readonly NamedRun[],
  { title = 'Comparison' }: { readonly title?: string } = {},
): string {
  const sections: readonly PagePart[] = [
    {
      heading: 'Rates',
      id: 'rates',
      pictures: picturesOf([ratesByRun(report, 'misaligned'), ratesByRun(report, 'incoherent')]),
      table: ratesByRunTable(report),
    },
    {
      heading: 'Differences',
      id: 'differences',
      pictures: picturesOf([differencesByRun(report, 'misaligned'), differencesByRun(report, 'incoherent')]),
      table: differencesTable(report),
      markup: notesMarkup(comparisonNotes(report)),
    },
    {
      heading: 'Questions',
      id: 'questions',
      pictures: picturesOf([questionsByRun(report)]),
      table: questionsByRunTable(report),
    },
    answersSection(pageData(runs)),
    { heading: 'How it was done', id: 'method', markup: tablesMarkup([settingsByRunTable(report)]) },
  ];
  const names = report.runs.map(({ name }) => name);
  return htmlPage({
    title,
    lead: [leadMarkup(`${names.join(', ')}; compared with ${report.baseline}.`), navigation(sections)].join(
      '\n',
    ),
    style: evaluationStyle + answersStyle,
    script: answersProgram,
    sections,
  });
}

type Rate = 'misaligned' | 'incoherent';

const shareAxis = { label: 'share of answers', unit: '%', low: 0, high: 100 };

function ratesByRun(report: ComparisonReport, rate: Rate): HtmlPicture | undefined {
  const groups = comparedParts(report).map((part) => ({
    label: part,
    dots: report.runs.flatMap((run) => {
      const found = partOf(run, part);
      return found === undefined ? [] : [{ run: run.name, ...percentages(found.statistics[rate]) }];
    }),
  }));
  return drawn(rate === 'misaligned' ? 'Misaligned answers' : 'Incoherent answers', shareAxis, groups);
}

function questionsByRun({ runs }: ComparisonReport): HtmlPicture | undefined {
  const names = [...new Set(runs.flatMap((run) => run.baseQuestions.map(({ name }) => name)))];
  const groups = names.map((name) => ({
    label: name,
    dots: runs.flatMap((run) => {
      const found = run.baseQuestions.find((question) => question.name === name);
      return found === undefined ? [] : [{ run: run.name, ...percentages(found.statistics.misaligned) }];
    }),
  }));
  return drawn('Misaligned answers by question', shareAxis, groups);
}

function differencesByRun(report: ComparisonReport, rate: Rate): HtmlPicture | undefined {
  const parts = comparedParts(report);
  const names = report.runs.map(({ name }) => name);
  const groups = parts.map((part) => ({
    label: part,
    dots: report.differences
      .filter((difference) => difference.rate === rate && (difference.group ?? allQuestions) === part)
      .map(({ run, difference, interval }) => ({
        run,
        mean: difference === null ? null : 100 * difference,
        low: interval && 100 * interval.low,
        high: interval && 100 * interval.high,
      })),
  }));
  const axis = { label: `percentage points above ${report.baseline}` };
  const title = `${rate === 'misaligned' ? 'Misaligned' : 'Incoherent'}: difference from ${report.baseline}`;
  const shown = [...new Set(groups.flatMap(({ dots }) => dots.map(({ run }) => run)))];
  const colours = shown.map((name) => names.indexOf(name));
  return drawn(title, axis, groups, { colours, marked: { at: 0, label: 'no difference' } });
}

/** No picture rather than an empty one. */
function drawn(
  title: string,
  axis: Parameters<typeof dotPlotSvg>[0]['axis'],
  groups: Parameters<typeof dotPlotSvg>[0]['groups'],
  more: Pick<Parameters<typeof dotPlotSvg>[0], 'colours' | 'marked'> = {},
): HtmlPicture | undefined {
  const filled = groups.filter(({ dots }) => dots.some(({ mean }) => mean !== null));
  if (filled.length === 0) return undefined;
  const description = `${title}, with 95 % intervals.`;
  return forBothWidths((width) => dotPlotSvg({ title, description, axis, groups: filled, width, ...more }));
}
