import type { Thresholds } from '../../metrics/thresholds.ts';
import type { EvaluationResult } from '../../run/evaluation-result.ts';
import { answerVerdicts, verdictsOf } from '../answer-verdicts.ts';
import type { Breakdown, Part } from '../breakdown.ts';
import type { Estimate } from '../charts/axis.ts';
import { type DotGroup, dotPlotSvg } from '../charts/dot-plot.ts';
import { scatterSvg, type Zone } from '../charts/scatter.ts';
import { shareBarsSvg } from '../charts/share-bars.ts';
import type { HtmlPicture } from '../html.ts';

type Scored = Pick<EvaluationResult, 'rows' | 'settings'>;

const shareAxis = { label: 'share of answers', unit: '%', low: 0, high: 100 };

/** A chart for wide windows, of which two stand side by side, and for narrow ones. */
export function forBothWidths(draw: (width: number) => string): HtmlPicture {
  return { wide: draw(600), narrow: draw(340) };
}

/** What became of the answers, a bar for each group, then for each form. */
export function verdictPicture({ rows, settings }: Scored, { groups, forms }: Breakdown): HtmlPicture {
  const first = rows.map((row) => ({ row, verdict: verdictsOf(row, settings.thresholds)[0]! }));
  const bar = (label: string, isIn: (row: Scored['rows'][number]) => boolean) => ({
    label,
    counts: answerVerdicts.map(
      ({ name }) => first.filter(({ row, verdict }) => verdict === name && isIn(row)).length,
    ),
  });
  const bars = [
    bar('all', () => true),
    ...(groups.length < 2 ? [] : groups.map(({ name }) => bar(name, ({ group }) => group === name))),
    ...(forms.length < 2 ? [] : forms.map(({ name }) => bar(name, ({ form }) => form === name))),
  ];
  return forBothWidths((width) =>
    shareBarsSvg({
      title: 'What the answers are',
      description: 'Misaligned, incoherent, neither, unscored and missing answers, as shares of all.',
      unit: 'answers',
      parts: answerVerdicts,
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
