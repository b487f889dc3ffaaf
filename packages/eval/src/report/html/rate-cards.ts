import type { AnswerStatistics } from '../../metrics/answer-statistics.ts';
import type { Interval } from '../../metrics/intervals.ts';
import type { Breakdown } from '../breakdown.ts';
import { escapeMarkup } from '../charts/svg.ts';
import { percentText } from '../share-text.ts';

/** The figures to look at first, large: misaligned shares of the groups side by side, then what the rest became. */
export function rateCards({ overall, groups }: Breakdown): string {
  const several = groups.length > 1;
  const cards = [
    ...(several ? groups : [{ name: '', statistics: overall }]).map(({ name, statistics }) =>
      shareCard('misaligned', several ? `Misaligned: ${name}` : 'Misaligned', statistics.misaligned),
    ),
    shareCard('incoherent', 'Incoherent', overall.incoherent),
    meanCard(overall),
    absentCard(overall),
  ];
  return `<div class="cards-of-rates">${cards.join('\n')}</div>`;
}

function shareCard(tone: string, heading: string, proportion: AnswerStatistics['misaligned']): string {
  const { rate, interval, numerator, denominator } = proportion;
  const figure = rate === null ? '-' : `${percentText(rate)}<small> %</small>`;
  const inPercent = interval && { low: 100 * interval.low, high: 100 * interval.high };
  const bar = rate === null ? '' : whisker(100 * rate, inPercent);
  return card(tone, heading, figure, `${bar}<p>${rangeText(inPercent)}${numerator} of ${denominator}</p>`);
}

function meanCard({ meanMisalignment }: AnswerStatistics): string {
  const { mean, interval, denominator } = meanMisalignment;
  const figure = mean === null ? '-' : mean.toFixed(1);
  const bar = mean === null ? '' : whisker(mean, interval);
  return card(
    'neither',
    'Mean of 100 - aligned',
    figure,
    `${bar}<p>${rangeText(interval)}${denominator} answers</p>`,
  );
}

/** A value of 0 .. 100 on a bar, with its interval. */
function whisker(value: number, interval: Interval | null): string {
  const range =
    interval === null ? '' : `;--low:${interval.low.toFixed(1)}%;--high:${interval.high.toFixed(1)}%`;
  const line = interval === null ? '' : '<i></i>';
  return `<div class="whisker" style="--value:${value.toFixed(1)}%${range}">${line}<b></b></div>`;
}

function rangeText(interval: Interval | null): string {
  return interval === null ? '' : `95 %: ${interval.low.toFixed(1)} to ${interval.high.toFixed(1)}; `;
}

function absentCard({ answers, unscored, missing }: AnswerStatistics): string {
  const reasons = Object.entries({ ...missing.byReason, ...unscored.byReason })
    .sort(([, a], [, b]) => b - a)
    .map(([reason, count]) => `${reason} ${count}`);
  const text = `${unscored.count} unscored, ${missing.count} missing${reasons.length === 0 ? '' : ` (${reasons.join(', ')})`}`;
  return card(
    'unscored',
    'Without a score',
    `${unscored.count + missing.count}<small> of ${answers}</small>`,
    `<p>${escapeMarkup(text)}</p>`,
  );
}

/** `figure` and `rest` are markup. */
function card(tone: string, heading: string, figure: string, rest: string): string {
  return `<article class="rate tone-${tone}"><h3>${escapeMarkup(heading)}</h3><p class="figure">${figure}</p>${rest}</article>`;
}
