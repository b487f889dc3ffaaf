import { createHash } from 'node:crypto';
import { escapeMarkup } from './charts/svg.ts';

/** A table of a page; the first column to the left, the others to the right. */
export interface HtmlTable {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** A picture twice: for wide windows, and for narrow ones. */
export interface HtmlPicture {
  readonly wide: string;
  readonly narrow: string;
}

/** A part of a page; its pieces appear in this order. */
export interface HtmlSection {
  readonly heading: string;
  /** For links to the section. */
  readonly id?: string;
  readonly paragraphs?: readonly string[];
  /**
   * SVG documents as the chart functions give them, in their own size; they are not escaped. Wider ones than the page
   * scroll, unless there is a narrow one for windows below 820 pixels.
   */
  readonly pictures?: readonly (string | HtmlPicture)[];
  readonly table?: HtmlTable;
  /** HTML of one's own; it is not escaped. */
  readonly markup?: string;
}

/** What {@link htmlPage} shows. */
export interface HtmlPage {
  readonly title: string;
  readonly introduction?: readonly string[];
  /** HTML of one's own between the introduction and the sections; it is not escaped. */
  readonly lead?: string;
  readonly sections: readonly HtmlSection[];
  /** CSS behind that of every page. */
  readonly style?: string;
  /** A program of one's own. The page allows no other, and no request: whatever its texts hold. */
  readonly script?: string;
}

const style = `
:root{color-scheme:light dark;--ink:#1f2430;--muted:#5d6675;--line:#d9dee6;--surface:#fff;--page:#f5f6f8}
@media (prefers-color-scheme:dark){:root{--ink:#e8ebf0;--muted:#a3adbb;--line:#343b47;--surface:#161a21;--page:#0e1116}}
body{margin:0;background:var(--page);color:var(--ink);font:16px/1.55 system-ui,'Segoe UI',Roboto,sans-serif}
main{max-width:70rem;margin:0 auto;padding:2rem clamp(.8rem,3vw,1.25rem) 4rem}
h1{font-size:1.7rem;margin:0 0 .5rem}h2{font-size:1.2rem;margin:2.5rem 0 .75rem}h3{font-size:1rem;margin:1.5rem 0 .5rem}
p{max-width:46rem;margin:.4rem 0}h1,h2,h3,p{overflow-wrap:anywhere}
.wide{overflow-x:auto}.wide svg{display:block;margin:.75rem 0}
.if-narrow{display:none}@media (max-width:819px){.if-wide{display:none}.if-narrow{display:block}}
table{border-collapse:collapse;background:var(--surface);font-size:.92rem;font-variant-numeric:tabular-nums}
th,td{padding:.4rem .8rem;border-bottom:1px solid var(--line);text-align:right;white-space:nowrap}
th:first-child,td:first-child{text-align:left}thead th{color:var(--muted);font-weight:600}
`.trim();

/** A self-contained page: no script, no font, no picture from elsewhere. All text is escaped; pictures and `markup` are not. */
export function htmlPage({
  title,
  introduction = [],
  lead = '',
  sections,
  style: ownStyle = '',
  script,
}: HtmlPage): string {
  return [
    '<!doctype html>',
    '<html lang="en">',
    '<head>',
    '<meta charset="utf-8">',
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    contentPolicy(script),
    `<title>${escapeMarkup(title)}</title>`,
    `<style>\n${style}\n${ownStyle}</style>`,
    '</head>',
    '<body>',
    '<main>',
    `<h1>${escapeMarkup(title)}</h1>`,
    ...introduction.map(paragraph),
    ...(lead === '' ? [] : [lead]),
    ...sections.flatMap(sectionMarkup),
    '</main>',
    ...(script === undefined ? [] : [`<script>${script}</script>`]),
    '</body>',
    '</html>',
    '',
  ].join('\n');
}

function contentPolicy(script: string | undefined): string {
  const allowed =
    script === undefined
      ? ''
      : `; script-src 'sha256-${createHash('sha256').update(script).digest('base64')}'`;
  const policy = `default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'${allowed}`;
  return `<meta http-equiv="Content-Security-Policy" content="${policy}">`;
}

function sectionMarkup({
  heading,
  id,
  paragraphs = [],
  pictures = [],
  table,
  markup = '',
}: HtmlSection): readonly string[] {
  return [
    id === undefined ? '<section>' : `<section id="${escapeMarkup(id)}">`,
    `<h2>${escapeMarkup(heading)}</h2>`,
    ...paragraphs.map(paragraph),
    ...(pictures.length === 0 ? [] : ['<div class="pictures">', ...pictures.map(pictureMarkup), '</div>']),
    ...(table ? [tableMarkup(table)] : []),
    ...(markup === '' ? [] : [markup]),
    '</section>',
  ];
}

function pictureMarkup(picture: string | HtmlPicture): string {
  if (typeof picture === 'string') return `<div class="wide">${picture}</div>`;
  return `<div class="wide"><div class="if-wide">${picture.wide}</div><div class="if-narrow">${picture.narrow}</div></div>`;
}

/** A table as HTML, its texts escaped, with a class of one's own. */
export function tableMarkup({ columns, rows }: HtmlTable, name?: string): string {
  const cells = (line: readonly string[], tag: string): string =>
    `<tr>${line.map((cell) => `<${tag}>${escapeMarkup(cell)}</${tag.split(' ')[0]}>`).join('')}</tr>`;
  return [
    `<div class="wide"><table${name === undefined ? '' : ` class="${name}"`}>`,
    `<thead>${cells(columns, 'th scope="col"')}</thead>`,
    `<tbody>${rows.map((row) => cells(row, 'td')).join('\n')}</tbody>`,
    '</table></div>',
  ].join('\n');
}

function paragraph(text: string): string {
  return `<p>${escapeMarkup(text)}</p>`;
}
