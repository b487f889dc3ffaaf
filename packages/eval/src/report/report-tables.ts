import type { AnswerStatistics } from '../metrics/answer-statistics.ts';
import type { EvaluationResult } from '../run/evaluation-result.ts';
import { endpointErrors } from '../run/require-scores.ts';
import type { Breakdown, Part } from './breakdown.ts';
import { percentText, shareText } from './share-text.ts';

/** A table of a report, the same on a terminal, in Markdown and on a page. */
export interface ReportTable {
  readonly heading: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly string[])[];
  /** Cells hold words rather than figures. */
  readonly isText?: boolean;
}

/** The rates of the whole and of each group, side by side. */
export function ratesTable({ overall, groups }: Breakdown): ReportTable {
  const parts = groups.length < 2 ? [] : groups;
  return partsTable('Rates', 'group', [...parts, { name: 'all', statistics: overall }]);
}

/** The rates of each form; undefined where there is one form only. */
export function formsTable({ forms }: Breakdown): ReportTable | undefined {
  return forms.length < 2 ? undefined : partsTable('Rates by form of the question', 'form', forms);
}

/** The rates of each base question. */
export function questionsTable({ baseQuestions }: Breakdown): ReportTable {
  return partsTable('Rates by question', 'question', baseQuestions);
}

function partsTable(heading: string, name: string, parts: readonly Part[]): ReportTable {
  return {
    heading,
    columns: [
      name,
      'answers',
      'misaligned',
      '95 %',
      'incoherent',
      '95 %',
      '100 - aligned',
      'unscored',
      'missing',
    ],
    rows: parts.map(({ name, statistics }) => [
      name,
      String(statistics.answers),
      ...rateCells(statistics.misaligned),
      ...rateCells(statistics.incoherent),
      statistics.meanMisalignment.mean?.toFixed(1) ?? '-',
      String(statistics.unscored.count),
      String(statistics.missing.count),
    ]),
  };
}

function rateCells(proportion: AnswerStatistics['misaligned']): readonly [string, string] {
  const { interval } = proportion;
  return [
    shareText(proportion),
    interval === null ? '-' : `${percentText(interval.low)} to ${percentText(interval.high)}`,
  ];
}

/** Why answers lack a score, or are not there; undefined where none is like that. */
export function reasonsTable(result: EvaluationResult): ReportTable | undefined {
  const { unscored, missing } = result.summary.overall;
  const rows = [
    ...Object.entries(missing.byReason).map(([reason, count]) => ['missing', reason, String(count)]),
    ...Object.entries(unscored.byReason).map(([reason, count]) => ['unscored', reason, String(count)]),
    ...endpointErrors(result).map(({ message, count }) => ['error of the judge', message, String(count)]),
  ];
  if (rows.length === 0) return undefined;
  return {
    heading: 'Unscored and missing answers',
    columns: ['what', 'reason', 'answers'],
    rows,
    isText: true,
  };
}

/** The means of the scores besides 'aligned' and 'coherent'; undefined where there are none. */
export function otherScoresTable({ rows }: Pick<EvaluationResult, 'rows'>): ReportTable | undefined {
  const names = [...new Set(rows.flatMap(({ otherScores }) => Object.keys(otherScores ?? {})))].sort();
  if (names.length === 0) return undefined;
  return {
    heading: 'Other scores',
    columns: ['score', 'answers', 'mean', 'least', 'greatest', 'without'],
    rows: names.map((name) => {
      const asked = rows.flatMap(({ otherScores }) =>
        otherScores !== undefined && name in otherScores ? [otherScores[name]!] : [],
      );
      const values = asked.filter((value) => value !== null).sort((a, b) => a - b);
      const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
      return [
        name,
        String(values.length),
        ...[mean, values[0], values.at(-1)].map((value) => (values.length === 0 ? '-' : value!.toFixed(1))),
        String(asked.length - values.length),
      ];
    }),
  };
}

/** How often each label and each class was given; undefined where the judge gives none. */
export function labelsTable({ rows }: Pick<EvaluationResult, 'rows'>): ReportTable | undefined {
  const given = rows.flatMap(({ label, categories }) => [
    ...(label === undefined ? [] : [['label', label]]),
    ...Object.entries(categories ?? {}),
  ]);
  if (given.length === 0) return undefined;
  const counted = [...Map.groupBy(given, (pair) => JSON.stringify(pair)).values()].sort(
    (a, b) => a[0]![0]!.localeCompare(b[0]![0]!, 'en') || b.length - a.length,
  );
  return {
    heading: 'Labels and classes',
    columns: ['what', 'value', 'answers'],
    rows: counted.map((same) => [same[0]![0]!, same[0]![1]!, String(same.length)]),
    isText: true,
  };
}

/** Whatever decided the figures: source, judge, seed, samples, thresholds; and what the answers took. */
export function settingsTable({ rows, settings }: Pick<EvaluationResult, 'rows' | 'settings'>): ReportTable {
  const { source, judge, furtherJudges, thresholds, seed, samplesPerParaphrase, questions } = settings;
  const described = (what: string, { name, settings, details }: typeof source) => [
    [what, name],
    ...Object.entries({ ...details, ...settings }).map(([fact, value]) => [
      `${what}: ${fact}`,
      value === null ? '-' : String(value),
    ]),
  ];
  return {
    heading: 'Settings',
    columns: ['setting', 'value'],
    rows: [
      ...described('source', source),
      ...described('judge', judge),
      ...furtherJudges.flatMap((further) => described('further judge', further)),
      ['seed', String(seed)],
      ['questions', String(questions)],
      [
        'samples of a wording',
        samplesPerParaphrase === null ? "each question's own" : String(samplesPerParaphrase),
      ],
      [
        'misaligned',
        `aligned < ${thresholds.misalignedBelow} and coherent > ${thresholds.misalignedCoherentAbove}`,
      ],
      ['incoherent', `coherent < ${thresholds.incoherentBelow}`],
      ...tokensRows(rows),
    ],
    isText: true,
  };
}

function tokensRows(rows: EvaluationResult['rows']): readonly (readonly string[])[] {
  const counted = rows.map(({ tokens }) => tokens).filter((tokens) => tokens !== undefined);
  if (counted.length === 0) return [];
  const sum = (of: 'prompt' | 'completion') => counted.reduce((total, tokens) => total + tokens[of], 0);
  const note = counted.length < rows.length ? `, of ${counted.length} answers` : '';
  return [['tokens of the answers', `${sum('prompt')} read, ${sum('completion')} written${note}`]];
}
