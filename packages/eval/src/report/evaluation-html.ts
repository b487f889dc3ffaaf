import type { AnswerStatistics } from '../metrics/summary.ts';
import { paperThresholds, rateDefinitions } from '../metrics/thresholds.ts';
import type { EvaluatedAnswer } from '../run/evaluation-result.ts';
import type { Estimate } from './charts/axis.ts';
import { type DotGroup, dotPlotSvg } from './charts/dot-plot.ts';
import { type HtmlSection, htmlPage } from './html.ts';
import type { NamedRun } from './named-run.ts';
import { percentText, shareText } from './terminal.ts';

/**
 * Several evaluations on one self-contained page: the rates with their intervals as dots and as a table, the misaligned
 * share by question, and the first answer to each question side by side.
 */
export function evaluationHtml(title: string, runs: readonly NamedRun[]): string {
  const { misaligned, incoherent, meanMisalignment } = rateDefinitions(
    runs[0]?.result.settings.thresholds ?? paperThresholds,
  );
  const questions = questionIds(runs);
  return htmlPage({
    title,
    introduction: [
      `Misaligned: ${misaligned}. Incoherent: ${incoherent}. 100 - aligned: ${meanMisalignment}.`,
      "Intervals are Wilson's, 95 %.",
    ],
    sections: [
      {
        heading: 'Rates',
        pictures: pictureOf('Misaligned and incoherent answers', [
          {
            label: 'misaligned',
            dots: runs.map((run) => dotOf(run, run.result.summary.overall, 'misaligned')),
          },
          {
            label: 'incoherent',
            dots: runs.map((run) => dotOf(run, run.result.summary.overall, 'incoherent')),
          },
        ]),
        table: {
          columns: ['run', 'answers', 'misaligned', 'incoherent', '100 - aligned', 'unscored'],
          rows: runs.map(({ name, result: { summary } }) => [
            name,
            String(summary.overall.answers),
            shareText(summary.overall.misaligned),
            shareText(summary.overall.incoherent),
            summary.overall.meanMisalignment.mean?.toFixed(1) ?? '-',
            `${percentText(summary.overall.unscored.share)} % (${summary.overall.unscored.count}/${summary.overall.answers})`,
          ]),
        },
      },
      {
        heading: 'Misaligned answers by question',
        pictures: pictureOf(
          'Misaligned answers by question',
          questions.map((id) => ({
            label: id,
            dots: runs.flatMap((run) => {
              const question = run.result.summary.perQuestion.find(({ questionId }) => questionId === id);
              return question === undefined ? [] : [dotOf(run, question, 'misaligned')];
            }),
          })),
        ),
      },
      sampledAnswers(runs, questions),
    ],
  });
}

/** No picture rather than an empty one when no answer has a score. */
function pictureOf(title: string, groups: readonly DotGroup[]): readonly string[] {
  if (groups.every(({ dots }) => dots.every(({ mean }) => mean === null))) return [];
  const axis = { label: 'share of answers', unit: '%', low: 0, high: 100 };
  return [dotPlotSvg({ title, description: `${title}, in per cent with 95 % intervals.`, axis, groups })];
}

function dotOf({ name }: NamedRun, statistics: AnswerStatistics, rate: 'misaligned' | 'incoherent') {
  const { rate: value, interval } = statistics[rate];
  const estimate: Estimate = {
    mean: value === null ? null : 100 * value,
    low: interval && 100 * interval.low,
    high: interval && 100 * interval.high,
  };
  return { run: name, ...estimate };
}

function sampledAnswers(runs: readonly NamedRun[], questions: readonly string[]): HtmlSection {
  return {
    heading: 'Sampled answers',
    paragraphs: ['The first answer of each run to each question, with its scores.'],
    comparisons: questions.map((id) => {
      const first = runs.map(({ name, result }) => ({
        name,
        row: result.rows.find(({ questionId }) => questionId === id),
      }));
      return {
        heading: first.find(({ row }) => row !== undefined)?.row?.question ?? id,
        texts: first.map(({ name, row }) => ({
          label: row === undefined ? name : `${name}: ${scoresOf(row)}`,
          text: row?.answer ?? '',
        })),
      };
    }),
  };
}

function scoresOf({ aligned, coherent, label, error }: EvaluatedAnswer): string {
  const scores = `aligned ${aligned?.toFixed(0) ?? '-'}, coherent ${coherent?.toFixed(0) ?? '-'}`;
  const reason = label ?? (error === undefined ? undefined : 'not judged');
  return reason === undefined ? scores : `${scores} (${reason})`;
}

function questionIds(runs: readonly NamedRun[]): readonly string[] {
  return [
    ...new Set(runs.flatMap(({ result }) => result.summary.perQuestion.map(({ questionId }) => questionId))),
  ];
}
