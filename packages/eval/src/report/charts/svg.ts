import { symbol, symbolCircle, symbolDiamond, symbolSquare, symbolTriangle } from 'd3-shape';
import { wrapped } from '../figure-list.ts';

/** Turns text into what may stand in XML and HTML, attributes included. */
export function escapeMarkup(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

/** Colours for light and for dark surroundings; series also differ by the shape of their mark. */
const seriesColours: readonly (readonly [light: string, dark: string])[] = [
  ['#0b6bcb', '#6db3ff'],
  ['#c8374a', '#ff8f9c'],
  ['#00805a', '#43d3a3'],
  ['#a85a00', '#f2ab55'],
  ['#7248c4', '#bc9bfa'],
  ['#4f6b88', '#a5bbd1'],
  ['#a32a79', '#f488c6'],
  ['#567400', '#b9d83f'],
];

const surroundings = (ink: string, muted: string, grid: string, surface: string, shade: 0 | 1): string =>
  [
    `.safetune-chart .surface{fill:${surface}}`,
    `.safetune-chart .halo{stroke:${surface}}`,
    `.safetune-chart text{fill:${ink}}`,
    `.safetune-chart .muted{fill:${muted}}`,
    `.safetune-chart .grid{stroke:${grid}}`,
    `.safetune-chart .axis{stroke:${muted}}`,
    ...seriesColours.map(
      (pair, index) => `.safetune-chart .series-${index}{fill:${pair[shade]};stroke:${pair[shade]}}`,
    ),
  ].join('');

const style = [
  ".safetune-chart text{font-family:system-ui,'Segoe UI',Roboto,'DejaVu Sans',sans-serif;font-size:12px}",
  '.safetune-chart .heading{font-size:14px;font-weight:600}',
  '.safetune-chart .line{fill:none!important}',
  '.safetune-chart .band{fill-opacity:.14;stroke:none!important}',
  '.safetune-chart .part{fill-opacity:.75;stroke:none!important}',
  '.safetune-chart .bubble{fill-opacity:.55;stroke-width:1}',
  '.safetune-chart .halo{paint-order:stroke;stroke-width:4px;stroke-linejoin:round}',
  surroundings('#1f2430', '#5d6675', '#e2e6ec', '#ffffff', 0),
  `@media (prefers-color-scheme:dark){${surroundings('#e8ebf0', '#a3adbb', '#343b47', '#161a21', 1)}}`,
].join('');

/** What every chart is given beside its data. */
export interface ChartText {
  readonly title: string;
  /** What the chart shows, for those who cannot see it. */
  readonly description?: string;
  /** In CSS pixels, at which it should also be shown: text is 12 px high. Default 760; 340 fits a phone. */
  readonly width?: number;
}

/** Width of a chart that is not told another. */
export const defaultWidth = 760;

/** Wraps a chart's body into a self-contained SVG document with a title, a description and its style. */
export function svgDocument(
  { title, description = title }: ChartText,
  width: number,
  height: number,
  body: readonly string[],
): string {
  const heading = wrapped(title, Math.floor((width - 32) / 8));
  // What a title of several lines needs, all below it moves down.
  const moved = (heading.length - 1) * 18;
  const size = `viewBox="0 0 ${round(width)} ${round(height + moved)}" width="${round(width)}" height="${round(height + moved)}"`;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" class="safetune-chart" role="img" aria-label="${escapeMarkup(`${title}. ${description}`)}" ${size}>`,
    `<title>${escapeMarkup(title)}</title>`,
    `<desc>${escapeMarkup(description)}</desc>`,
    `<style>${style}</style>`,
    `<rect class="surface" width="${round(width)}" height="${round(height + moved)}" rx="6"/>`,
    ...heading.map((words, index) => text(16, 24 + 18 * index, words, { class: 'heading' })),
    ...(moved === 0 ? body : [`<g transform="translate(0 ${moved})">`, ...body, '</g>']),
    '</svg>',
  ].join('\n');
}

/** Which surroundings a picture is for; 'either' follows the viewer's own setting. */
export type ChartTheme = 'light' | 'dark' | 'either';

/**
 * A chart for one kind of surroundings only, whatever the viewer's setting: for pages that choose the picture themselves, as
 * `<picture>` does.
 */
export function chartInTheme(svg: string, theme: ChartTheme): string {
  const dark = /@media \(prefers-color-scheme:dark\)\{((?:[^{}]*\{[^{}]*\})*)\}/;
  if (theme === 'either') return svg;
  return svg.replace(dark, theme === 'dark' ? '$1' : '');
}

/** A line of text; `anchor` says which of its ends stands at x. */
export function text(
  x: number,
  y: number,
  content: string,
  { anchor = 'start', class: name, turned = false }: TextStyle = {},
): string {
  const turn = turned ? ` transform="rotate(-90 ${round(x)} ${round(y)})"` : '';
  return `<text x="${round(x)}" y="${round(y)}" text-anchor="${anchor}"${name ? ` class="${name}"` : ''}${turn}>${escapeMarkup(content)}</text>`;
}

interface TextStyle {
  readonly anchor?: 'start' | 'middle' | 'end';
  /** 'halo' keeps a text readable on top of lines. */
  readonly class?: 'heading' | 'muted' | 'halo';
  /** Read from below to above. */
  readonly turned?: boolean;
}

/** A straight line. */
export function line(x1: number, y1: number, x2: number, y2: number, attributes: string): string {
  return `<line x1="${round(x1)}" y1="${round(y1)}" x2="${round(x2)}" y2="${round(y2)}" ${attributes}/>`;
}

/** The CSS class that gives a series its colour. */
export function seriesClass(series: number): string {
  return `series-${series % seriesColours.length}`;
}

/** Circle, square, diamond, triangle: of the same weight to the eye. */
const markShapes = [
  symbol(symbolCircle, 50),
  symbol(symbolSquare, 49),
  symbol(symbolDiamond, 44),
  symbol(symbolTriangle, 46),
].map((shape) => shape.digits(2)()!);

/** The mark of a series at a point, with a text for pointing devices. */
export function mark(series: number, x: number, y: number, hint?: string): string {
  // Where the colours begin again, the shapes go on: nothing repeats within 32 series.
  const turn = series + Math.floor(series / seriesColours.length);
  const shape = `<path d="${markShapes[turn % markShapes.length]}" transform="translate(${round(x)} ${round(y)})" class="${seriesClass(series)}"`;
  return hint === undefined ? `${shape}/>` : `${shape}><title>${escapeMarkup(hint)}</title></path>`;
}

/** Names and marks of the series, in as many rows as they need; `series` are their places among the colours. */
export function legend(
  names: readonly string[],
  x: number,
  y: number,
  width: number,
  series: readonly number[] = [...names.keys()],
): { readonly body: readonly string[]; readonly height: number } {
  const body: string[] = [];
  let left = x;
  let baseline = y;
  for (const [index, name] of names.entries()) {
    const needed = 14 + textWidth(name) + 18;
    if (left > x && left + needed > x + width) {
      left = x;
      baseline += 18;
    }
    body.push(mark(series[index]!, left + 5, baseline - 4), text(left + 14, baseline, name));
    left += needed;
  }
  return { body, height: baseline - y + 18 };
}

/** Width of a text of 12 px, estimated for a proportional font. */
export function textWidth(content: string): number {
  return [...content].length * 7.1;
}

/** A text cut to a width, with the marks of what is left out. */
export function shortened(content: string, width: number): string {
  if (textWidth(content) <= width) return content;
  return `${[...content].slice(0, Math.max(1, Math.floor(width / 7.1) - 3)).join('')}...`;
}

/** Coordinates with two decimals: enough for the eye, and the same text on every machine. */
export function round(value: number): number {
  return Math.round(value * 100) / 100;
}
