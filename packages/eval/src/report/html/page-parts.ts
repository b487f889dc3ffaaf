import { escapeMarkup } from '../charts/svg.ts';
import { type HtmlPicture, type HtmlSection, tableMarkup } from '../html.ts';
import type { ReportTable } from '../report-tables.ts';

/** A section that links lead to. */
export type PagePart = HtmlSection & { readonly id: string };

/** Links to the parts of a page. */
export function navigation(parts: readonly PagePart[]): string {
  const links = parts.map(({ id, heading }) => `<a href="#${id}">${escapeMarkup(heading)}</a>`);
  return `<nav class="parts" aria-label="Parts of the page">${links.join('')}</nav>`;
}

/** A sentence below the heading of a page. */
export function leadMarkup(text: string): string {
  return `<p class="lead">${escapeMarkup(text)}</p>`;
}

/** What figures are, as a list. */
export function notesMarkup(texts: readonly string[]): string {
  return `<ul class="notes">${texts.map((text) => `<li>${escapeMarkup(text)}</li>`).join('')}</ul>`;
}

/** Tables with a heading each, beside each other where there is room. */
export function tablesMarkup(given: readonly (ReportTable | undefined)[]): string {
  const parts = given
    .filter((table) => table !== undefined)
    .map(
      (table) =>
        `<div><h3>${escapeMarkup(table.heading)}</h3>${tableMarkup(table, table.isText ? 'facts-table' : undefined)}</div>`,
    );
  return `<div class="side">${parts.join('\n')}</div>`;
}

/** The pictures that there are. */
export function picturesOf(pictures: readonly (HtmlPicture | undefined)[]): readonly HtmlPicture[] {
  return pictures.filter((picture) => picture !== undefined);
}

/** A chart for wide windows, of which two stand side by side, and for narrow ones. */
export function forBothWidths(draw: (width: number) => string): HtmlPicture {
  return { wide: draw(600), narrow: draw(340) };
}
