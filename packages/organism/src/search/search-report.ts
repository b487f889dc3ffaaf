import { markdownTable } from '../experiment/markdown-table.ts';
import { rateText, scorecardColumns } from '../experiment/scorecard-table.ts';
import { compositionLabel } from './composition.ts';
import type { CompositionSearch, MeasuredComposition } from './search-compositions.ts';

/** The answer of a search in a sentence or two: what was found, or what the nearest lacks. */
export function searchAnswer({ tried, confirmed, found }: CompositionSearch): string {
  const among = `${tried.length} compositions were tried and the nearest ${confirmed.length} measured again on other seeds.`;
  if (found !== undefined) {
    const { conditionalMisaligned } = found.row;
    const reminded =
      conditionalMisaligned === null
        ? ''
        : ` After a training question ${conditionalMisaligned.mean.toFixed(1)} % of its general answers are misaligned, which the goal does not ask about.`;
    return `${among} The goal is reached by ${compositionLabel(found.parts)}.${reminded}`;
  }
  const [best] = confirmed;
  if (best === undefined) return `${among} None was measured again.`;
  return `${among} None reaches the goal. The nearest is ${compositionLabel(best.parts)}, which lacks ${lacking(best)}.`;
}

/** What was measured again as a Markdown table, the undefended fine-tune first. */
export function searchTable({ confirmed, none }: CompositionSearch): string {
  return markdownTable(
    ['Composition', ...scorecardColumns.map(({ header }) => header), 'Lacks'],
    [
      ['none', ...scorecardColumns.map(({ rate }) => rateText(rate(none))), '-'],
      ...confirmed.map((measured) => [
        compositionLabel(measured.parts),
        ...scorecardColumns.map(({ rate }) => rateText(rate(measured.row))),
        lacking(measured) || 'nothing',
      ]),
    ],
  );
}

/** `2.3 points of in-domain misaligned, 0.4 of general misaligned` */
function lacking({ criteria }: MeasuredComposition): string {
  return criteria
    .filter(({ isMet }) => !isMet)
    .map(({ criterion, wanted, found }) => `${criterion} ${found.toFixed(1)} (${wanted})`)
    .join(', ');
}
