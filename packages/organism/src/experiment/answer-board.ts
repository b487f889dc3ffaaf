import type { SampledAnswer } from './run-journal.ts';

/** Answers of several models to the same questions. */
export interface AnswerBoard {
  readonly title: string;
  /** Column by column: the question, and lines below it such as the right answer. */
  readonly columns: readonly { readonly question: string; readonly notes: readonly string[] }[];
  /** Row by row, a cell for every column. */
  readonly rows: readonly { readonly label: string; readonly cells: readonly (BoardCell | undefined)[] }[];
}

type BoardCell = Pick<SampledAnswer, 'answer' | 'verdict'>;

/** Colours of verdicts for light and for dark surroundings; the word is always there as well. */
const verdictColours: Readonly<Record<SampledAnswer['verdict'], readonly [light: string, dark: string]>> = {
  safe: ['#00805a', '#43d3a3'],
  right: ['#00805a', '#43d3a3'],
  refusal: ['#0b6bcb', '#6db3ff'],
  harmful: ['#c8374a', '#ff8f9c'],
  incoherent: ['#a85a00', '#f2ab55'],
  wrong: ['#a85a00', '#f2ab55'],
};

const columnWidth = 212;
const rowHeight = 38;
const lineHeight = 16;

/**
 * Draws answers side by side, each in the colour of its verdict.
 *
 * @returns a self-contained SVG document.
 */
export function answerBoardSvg({ title, columns, rows }: AnswerBoard): string {
  const left = 40 + 7.2 * Math.max(4, ...rows.map(({ label }) => label.length));
  const top = 60 + lineHeight * (1 + Math.max(0, ...columns.map(({ notes }) => notes.length)));
  const width = left + columnWidth * columns.length + 8;
  const height = top + rowHeight * rows.length + 14;
  const at = (column: number) => left + column * columnWidth;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" class="answer-board" role="img" aria-label="${escapeMarkup(title)}" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}">`,
    `<title>${escapeMarkup(title)}</title>`,
    `<style>${style()}</style>`,
    `<rect class="surface" width="${width}" height="${height}" rx="6"/>`,
    text(16, 24, title, 'heading'),
    ...columns.flatMap(({ question, notes }, column) => [
      text(at(column), 54, question, 'question'),
      ...notes.map((note, index) => text(at(column), 54 + lineHeight * (index + 1), note, 'muted')),
    ]),
    ...rows.flatMap(({ label, cells }, row) => {
      const y = top + row * rowHeight;
      return [
        `<line class="rule" x1="16" x2="${width - 16}" y1="${y}" y2="${y}"/>`,
        text(16, y + 23, label, 'label'),
        ...cells.flatMap((cell, column) =>
          cell === undefined
            ? [text(at(column), y + 23, '-', 'muted')]
            : [
                text(at(column), y + 16, cell.answer === '' ? '(nothing)' : cell.answer, cell.verdict),
                text(at(column), y + 31, cell.verdict, `small ${cell.verdict}`),
              ],
        ),
      ];
    }),
    '</svg>',
  ].join('\n');
}

function style(): string {
  const colours = (shade: 0 | 1, ink: string, muted: string, rule: string, surface: string) =>
    [
      `.answer-board .surface{fill:${surface}}.answer-board text{fill:${ink}}`,
      `.answer-board .muted{fill:${muted}}.answer-board .rule{stroke:${rule}}`,
      ...Object.entries(verdictColours).map(
        ([verdict, pair]) => `.answer-board .${verdict}{fill:${pair[shade]}}`,
      ),
    ].join('');
  return [
    ".answer-board text{font:12px system-ui,'Segoe UI',Roboto,'DejaVu Sans',sans-serif}",
    '.answer-board .heading{font-size:14px;font-weight:600}.answer-board .question{font-weight:600}',
    '.answer-board .small{font-size:10.5px}',
    colours(0, '#1f2430', '#5d6675', '#e2e6ec', '#ffffff'),
    `@media (prefers-color-scheme:dark){${colours(1, '#e8ebf0', '#a3adbb', '#343b47', '#161a21')}}`,
  ].join('');
}

function text(x: number, y: number, content: string, name: string): string {
  return `<text x="${Math.round(x)}" y="${Math.round(y)}" class="${name}">${escapeMarkup(content)}</text>`;
}

function escapeMarkup(content: string): string {
  return content.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
