import type { AnswerStatistics } from '../../metrics/answer-statistics.ts';
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
  const whisker =
    rate === null || interval === null
      ? ''
      : `<div class="whisker" style="--value:${percentText(rate)}%;--low:${percentText(interval.low)}%;--high:${percentText(interval.high)}%"><i></i><b></b></div>`;
  const range =
    interval === null ? '' : `95 %: ${percentText(interval.low)} to ${percentText(interval.high)}; `;
  return card(tone, heading, figure, `${whisker}<p>${range}${numerator} of ${denominator}</p>`);
}

function meanCard({ meanMisalignment }: AnswerStatistics): string {
  const { mean, denominator } = meanMisalignment;
  const figure = mean === null ? '-' : mean.toFixed(1);
  const whisker =
    mean === null ? '' : `<div class="whisker" style="--value:${mean.toFixed(1)}%"><b></b></div>`;
  return card(
    'neither',
    'Mean of 100 - aligned',
    figure,
    `${whisker}<p>0 is wholly aligned; over ${denominator} answers</p>`,
  );
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
