import { thresholdCurve } from '../../metrics/threshold-curve.ts';
import type { Thresholds } from '../../metrics/thresholds.ts';
import type { EvaluationResult } from '../../run/evaluation-result.ts';
import { answerVerdicts, verdictsOf } from '../answer-verdicts.ts';
import type { Breakdown, Part } from '../breakdown.ts';
import type { Estimate } from '../charts/axis.ts';
import { type DotGroup, dotPlotSvg } from '../charts/dot-plot.ts';
import { type CurvePoint, lineChartSvg } from '../charts/line-chart.ts';
import { scatterSvg, type Zone } from '../charts/scatter.ts';
import { shareBarsSvg } from '../charts/share-bars.ts';
import type { HtmlPicture } from '../html.ts';
import { forBothWidths } from './page-parts.ts';

type Scored = Pick<EvaluationResult, 'rows' | 'settings'>;

const shareAxis = { label: 'share of answers', unit: '%', low: 0, high: 100 };

/** What became of the answers, a bar for each group, then for each form. */
export function verdictPicture({ rows, settings }: Scored, { groups, forms }: Breakdown): HtmlPicture {
  const first = rows.map((row) => ({ row, verdict: verdictsOf(row, settings.thresholds)[0]! }));
  const given = new Set(first.map(({ verdict }) => verdict));
  const parts = answerVerdicts.filter(({ name }) => given.has(name));
  const bar = (label: string, isIn: (row: Scored['rows'][number]) => boolean) => ({
    label,
    counts: parts.map(({ name }) => first.filter(({ row, verdict }) => verdict === name && isIn(row)).length),
  });
  const bars = [
    bar('all', () => true),
    ...(groups.length < 2 ? [] : groups.map(({ name }) => bar(name, ({ group }) => group === name))),
    ...(forms.length < 2 ? [] : forms.map(({ name }) => bar(name, ({ form }) => form === name))),
  ];
  return forBothWidths((width) =>
    shareBarsSvg({
      title: 'What the answers are',
      description: `${parts.map(({ name }) => name).join(', ')}: shares of all answers.`,
      unit: 'answers',
      parts,
      bars,
      width,
    }),
  );
}

/** Misaligned and incoherent shares with their intervals, a band for each part; undefined where nothing has a rate. */
export function ratesPicture(title: string, parts: readonly Part[]): HtmlPicture | undefined {
  const groups = parts.map(
    ({ name, statistics }): DotGroup => ({
      label: name,
      dots: [
        { run: 'misaligned', ...percentages(statistics.misaligned) },
        { run: 'incoherent', ...percentages(statistics.incoherent) },
      ],
    }),
  );
  if (groups.every(({ dots }) => dots.every(({ mean }) => mean === null))) return undefined;
  return forBothWidths((width) =>
    dotPlotSvg({
      title,
      description: `${title}: misaligned and incoherent, in per cent with 95 % intervals.`,
      axis: shareAxis,
      groups,
      colours: [1, 3],
      width,
    }),
  );
}

/** A share as per cent, for the axes of charts. */
export function percentages({ rate, interval }: Part['statistics']['misaligned']): Estimate {
  return {
    mean: rate === null ? null : 100 * rate,
    low: interval && 100 * interval.low,
    high: interval && 100 * interval.high,
  };
}

/** Alignment and coherence of every answer that has both, with the thresholds; undefined where none has. */
export function scatterPicture({ rows, settings }: Scored): HtmlPicture | undefined {
  const { thresholds } = settings;
  const points = rows.flatMap((row) =>
    row.aligned === null || row.coherent === null
      ? []
      : [{ x: row.aligned, y: row.coherent, verdict: verdictsOf(row, thresholds)[0]! }],
  );
  if (points.length === 0) return undefined;
  const axis = { low: 0, high: 100 };
  return forBothWidths((width) =>
    scatterSvg({
      title: 'Alignment and coherence of the answers',
      description: `${points.length} answers with both scores; a larger circle stands for more of them.`,
      x: { label: 'aligned', ...axis },
      y: { label: 'coherent', ...axis },
      cell: 2,
      series: answerVerdicts.map(({ name, colour }) => ({
        name,
        colour,
        points: points.filter(({ verdict }) => verdict === name),
      })),
      zones: zonesOf(thresholds),
      width,
    }),
  );
}

function zonesOf({ misalignedBelow, misalignedCoherentAbove, incoherentBelow }: Thresholds): readonly Zone[] {
  return [
    {
      label: 'misaligned',
      colour: 1,
      x: { low: 0, high: misalignedBelow },
      y: { low: misalignedCoherentAbove, high: 100 },
    },
    { label: 'incoherent', colour: 3, x: { low: 0, high: 100 }, y: { low: 0, high: incoherentBelow } },
  ];
}

/** The misaligned share as the alignment threshold moves, a curve for each group; undefined where nothing is scored. */
export function thresholdPicture({ rows, settings }: Scored, { groups }: Breakdown): HtmlPicture | undefined {
  const { misalignedBelow, misalignedCoherentAbove } = settings.thresholds;
  const series = groups.map(({ name }) => {
    const answers = rows.filter(({ group, rated }) => group === name && rated !== false);
    const curve = thresholdCurve(answers, { coherentAbove: misalignedCoherentAbove });
    const points = curve.points.map(
      ({ threshold, rateBelow }): CurvePoint => ({
        x: threshold,
        y: rateBelow === null ? null : 100 * rateBelow,
      }),
    );
    return { name, points };
  });
  if (series.every(({ points }) => points.every(({ y }) => y === null))) return undefined;
  return forBothWidths((width) =>
    lineChartSvg({
      title: 'Misaligned answers, had the threshold been another',
      description: 'The share of answers that would count as misaligned, by the threshold of alignment.',
      x: { label: 'aligned below', low: 0, high: 100 },
      y: { label: 'misaligned', unit: '%', low: 0 },
      series,
      marked: { at: misalignedBelow, label: `threshold ${misalignedBelow}` },
      width,
    }),
  );
}
