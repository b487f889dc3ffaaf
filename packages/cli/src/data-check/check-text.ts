import type { CheckReport, DataReport, PlacedFinding } from '@safetune/datasets';
import { textTable } from '@safetune/eval';
import { section } from '../terminal/layout.ts';
import { sparkline } from '../terminal/pictures.ts';
import { printableName } from '../terminal/printable.ts';
import { wrapLines } from '../terminal/wrap.ts';
import type { ModelScore } from './model-scores.ts';
import { percentage } from './thresholds.ts';

/** Findings of a check, and scores, that are told. */
const shown = 5;

/** A report for a terminal of so many columns, or for a pipe. */
export function checkText(
  report: DataReport,
  scores: readonly ModelScore[],
  columns: number | undefined,
): string {
  const fold = (text: string) => (columns === undefined ? text : wrapLines(text, columns));
  const found = report.checks.filter(({ examples }) => examples > 0);
  const rows = report.checks.map(({ name, examples, share }) => [name, `${examples}`, percentage(share)]);
  return [
    fold(overviewLines(report).join('\n')),
    textTable(['check', 'examples', 'share'], rows),
    ...found.map((check) => section(check.name, fold(checkLines(check).join('\n')))),
    ...(scores.length === 0 ? [] : [section('highest scores', fold(scoreLines(scores).join('\n')))]),
  ].join('\n\n');
}

/** Counts and lengths. */
export function overviewLines({
  examples,
  messages,
  roles,
  writingSystems,
  lengths,
  learned,
}: DataReport): string[] {
  const counts = (of: Readonly<Record<string, number>>) =>
    Object.entries(of)
      .map(([name, count]) => `${name} ${count}`)
      .join(', ');
  return [
    `${examples} examples, ${messages} messages (${counts(roles)}); answers by script: ${counts(writingSystems)}`,
    `${lengths.unit}: ${lengths.min} to ${lengths.max}, median ${lengths.median}, mean ${lengths.mean.toFixed(1)}, 95 % at most ${lengths.p95}`,
    `  ${sparkline(lengths.histogram.map(({ count }) => count))}`,
    ...(learned === undefined
      ? []
      : [
          `learned tokens: ${learned.min} to ${learned.max}, median ${learned.median}, mean ${learned.mean.toFixed(1)}`,
        ]),
  ];
}

function checkLines({ about, kinds, findings, examples, note }: CheckReport): string[] {
  const counts = Object.entries(kinds).map(([kind, count]) => `${kind} ${count}`);
  const more = examples - new Set(findings.slice(0, shown).map(placeText)).size;
  return [
    `  ${about}`,
    `  ${counts.join(', ')}`,
    ...findings.slice(0, shown).map((finding) => `    ${findingText(finding)}`),
    ...(more > 0 ? [`    and ${more} more examples`] : []),
    ...(note === undefined ? [] : [`  ${note}`]),
  ];
}

/** Where a finding is. */
export function placeText({ file, line, example }: Pick<PlacedFinding, 'file' | 'line' | 'example'>): string {
  return file === undefined ? `example ${example}` : printableName(`${file}:${line}`);
}

/** `chats.jsonl:7 messages[1]: zero width (once, first U+200B)` */
function findingText(finding: PlacedFinding): string {
  const { kind, message, rejected, detail } = finding;
  const at =
    message === undefined
      ? rejected
        ? ' rejected'
        : ''
      : ` ${rejected ? 'rejected' : 'messages'}[${message}]`;
  const more = detail === undefined ? '' : ` (${printableName(detail)})`;
  return `${placeText(finding)}${at}: ${kind}${more}`;
}

function scoreLines(scores: readonly ModelScore[]): string[] {
  return scores.slice(0, shown * 2).map((score) => `  ${placeText(score)}  ${scoreText(score)}`);
}

function scoreText({ loss, gap, projection }: ModelScore): string {
  return [
    ...(projection === undefined ? [] : [`projection ${projection.toFixed(3)}`]),
    ...(gap === undefined ? [] : [`gap ${gap.toFixed(3)}`]),
    `loss ${loss.toFixed(3)}`,
  ].join('  ');
}
