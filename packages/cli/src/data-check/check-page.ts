import type { CheckReport, DataReport, DistributionSummary } from '@safetune/datasets';
import { type HtmlSection, histogramSvg, htmlPage } from '@safetune/eval';
import { overviewLines, placeText } from './check-text.ts';
import type { ModelScore } from './model-scores.ts';
import { percentage } from './thresholds.ts';

/** Rows of a table of findings or scores. */
const shown = 50;

/** A report as one self-contained page. */
export function checkPage(
  {
    data,
    maxLength,
    failed,
  }: { readonly data: string; readonly maxLength: number; readonly failed: readonly string[] },
  report: DataReport,
  scores: readonly ModelScore[],
): string {
  const { lengths, learned } = report;
  const isInTokens = lengths.unit === 'tokens';
  return htmlPage({
    title: `What is in ${data}`,
    introduction: [
      ...failed.map((sentence) => `Failed: ${sentence}.`),
      ...overviewLines(report)
        .filter((line) => /\d/.test(line))
        .map((line) => `${line}.`),
    ],
    // Cells of words, unlike figures, begin at the left and break.
    style:
      'td:last-child,th:last-child{text-align:left;white-space:normal;min-width:10rem;overflow-wrap:anywhere}\n',
    sections: [
      { heading: 'Checks', table: overviewTable(report) },
      ...(lengths.count === 0
        ? []
        : [
            {
              heading: 'Lengths',
              pictures: [
                lengthPicture(
                  `Length of examples in ${lengths.unit}`,
                  lengths.unit,
                  lengths,
                  isInTokens ? maxLength : undefined,
                ),
                ...(learned === undefined
                  ? []
                  : [lengthPicture('Learned tokens of examples', 'tokens', learned)]),
              ],
            },
          ]),
      ...scoreSections(scores),
      ...report.checks.filter(({ examples }) => examples > 0).map(checkSection),
    ],
  });
}

function overviewTable({ checks }: DataReport) {
  return {
    columns: ['check', 'examples', 'share', 'kinds'],
    rows: checks.map(({ name, examples, share, kinds }) => [
      name,
      `${examples}`,
      percentage(share),
      kindsText(kinds),
    ]),
  };
}

function kindsText(kinds: CheckReport['kinds']): string {
  return Object.entries(kinds)
    .map(([kind, count]) => `${kind} ${count}`)
    .join(', ');
}

function checkSection({ name, about, kinds, examples, findings, note }: CheckReport): HtmlSection {
  return {
    heading: name,
    paragraphs: [
      `${about[0]!.toUpperCase()}${about.slice(1)}.`,
      `${examples} examples: ${kindsText(kinds)}.${findings.length > shown ? ` The first ${shown} findings:` : ''}`,
      ...(note === undefined ? [] : [`${note}.`]),
    ],
    table: {
      columns: ['where', 'message', 'kind', 'detail'],
      rows: findings
        .slice(0, shown)
        .map((finding) => [
          placeText(finding),
          `${finding.rejected ? 'rejected ' : ''}${finding.message ?? ''}`.trim(),
          finding.kind,
          shortened(finding.detail ?? ''),
        ]),
    },
  };
}

/** Cells do not break; a reason may be long. */
function shortened(text: string): string {
  return text.length <= 160 ? text : `${text.slice(0, 160)}...`;
}

function lengthPicture(
  title: string,
  unit: string,
  { histogram }: DistributionSummary,
  limit?: number,
): string {
  const reaches = limit !== undefined && limit <= histogram.at(-1)!.to;
  return histogramSvg({
    title,
    x: { label: unit },
    y: { label: 'examples' },
    bars: histogram,
    ...(reaches && { marked: { at: limit, label: `cut at ${limit}` } }),
  });
}

function scoreSections(scores: readonly ModelScore[]): HtmlSection[] {
  if (scores.length === 0) return [];
  const columns = [
    ['projection', 'projection on the persona'],
    ['gap', 'perplexity gap'],
    ['loss', 'loss of the answers, in nats a token'],
  ] as const;
  const present = columns.filter(([name]) => scores[0]![name] !== undefined);
  return [
    {
      heading: 'What the model says',
      paragraphs: [
        `${scores.length} examples, from high to low by ${present[0]![0]}; the first ${Math.min(shown, scores.length)}:`,
      ],
      pictures: present.map(([name, label]) =>
        histogramSvg({
          title: `${label[0]!.toUpperCase()}${label.slice(1)}`,
          x: { label },
          y: { label: 'examples' },
          bars: bars(scores.map((score) => score[name]!)),
        }),
      ),
      table: {
        columns: ['where', ...present.map(([name]) => name)],
        rows: scores
          .slice(0, shown)
          .map((score) => [placeText(score), ...present.map(([name]) => score[name]!.toFixed(3))]),
      },
    },
  ];
}

/** Twenty bars from the least value to the greatest. */
function bars(values: readonly number[]) {
  const least = values.reduce((a, b) => Math.min(a, b));
  const most = values.reduce((a, b) => Math.max(a, b));
  const width = (most - least) / 20 || 1;
  const counts = Array.from({ length: 20 }, () => 0);
  for (const value of values) counts[Math.min(19, Math.floor((value - least) / width))]! += 1;
  return counts.map((count, bar) => ({ from: least + bar * width, to: least + (bar + 1) * width, count }));
}
