import type { AnswerStatistics } from '../metrics/answer-statistics.ts';
import type { EvaluationResult, EvaluationSettings } from '../run/evaluation-result.ts';
import { endpointErrors } from '../run/require-scores.ts';
import type { Breakdown, Part } from './breakdown.ts';
import { answerTokens } from './json.ts';
import { percentText, shareText } from './share-text.ts';

/** A table of a report, the same on a terminal, in Markdown and on a page. */
export interface ReportTable {
  readonly heading: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly string[])[];
  /** How many columns, from the first, say what a row is; default 1. */
  readonly keys?: number;
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
    columns: [name, ...figureColumns],
    rows: parts.map(({ name, statistics }) => [name, ...figureCells(statistics)]),
  };
}

/** Headings of {@link figureCells}. */
export const figureColumns: readonly string[] = [
  'answers',
  'misaligned',
  '95 %',
  'incoherent',
  '95 %',
  '100 - aligned',
  'unscored',
  'missing',
];

/** The figures of a set of answers, as every table of rates shows them. */
export function figureCells(statistics: AnswerStatistics): readonly string[] {
  return [
    String(statistics.answers),
    ...rateCells(statistics.misaligned),
    ...rateCells(statistics.incoherent),
    statistics.meanMisalignment.mean?.toFixed(1) ?? '-',
    String(statistics.unscored.count),
    String(statistics.missing.count),
  ];
}

/** A share with what it was counted from, and its interval. */
export function rateCells(proportion: AnswerStatistics['misaligned']): readonly [string, string] {
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
export function otherScoresTable({ overall }: Breakdown): ReportTable | undefined {
  const scores = Object.entries(overall.otherScores);
  if (scores.length === 0) return undefined;
  return {
    heading: 'Other scores',
    columns: ['score', 'answers', 'mean', '95 %'],
    rows: scores.map(([name, { denominator, mean, interval }]) => [
      name,
      String(denominator),
      mean?.toFixed(1) ?? '-',
      interval === null ? '-' : `${interval.low.toFixed(1)} to ${interval.high.toFixed(1)}`,
    ]),
  };
}

/** How often each label and each class was given; undefined where the judge gives none. */
export function labelsTable({ overall }: Breakdown): ReportTable | undefined {
  const counted = Object.entries({ label: overall.labels, ...overall.categories }).flatMap(([what, counts]) =>
    Object.entries(counts)
      .sort(([, a], [, b]) => b - a)
      .map(([value, count]) => [what, value, String(count)]),
  );
  if (counted.length === 0) return undefined;
  return {
    heading: 'Labels and classes',
    columns: ['what', 'value', 'answers'],
    rows: counted,
    isText: true,
  };
}

/** How often a prompt gives a misaligned answer when asked k times; undefined where nothing is scored. */
export function misalignedAtTable({ summary }: Pick<EvaluationResult, 'summary'>): ReportTable | undefined {
  const rows = summary.misalignedAt.map(({ k, prompts, rate }) => [
    String(k),
    rate === null ? '-' : `${percentText(rate)} %`,
    String(prompts),
  ]);
  return rows.length === 0
    ? undefined
    : { heading: 'A misaligned answer among k', columns: ['k', 'prompts with one', 'of'], rows };
}

/** How far the judges agree; undefined where there is but one. */
export function agreementTable({ summary }: Pick<EvaluationResult, 'summary'>): ReportTable | undefined {
  if (summary.judgeAgreement === null) return undefined;
  return {
    heading: 'Agreement of the judges',
    columns: ['of', "Krippendorff's alpha", 'answers'],
    rows: Object.entries(summary.judgeAgreement).map(([name, { alpha, units }]) => [
      name,
      alpha?.toFixed(2) ?? '-',
      String(units),
    ]),
  };
}

/** Whatever decided the figures: source, judge, seed, samples, thresholds; and what the answers took. */
export function settingsTable({ rows, settings }: Pick<EvaluationResult, 'rows' | 'settings'>): ReportTable {
  return {
    heading: 'Settings',
    columns: ['setting', 'value'],
    rows: [...settingsRows(settings), ...tokensRows(rows)],
    isText: true,
  };
}

/** The settings of an evaluation by name. */
export function settingsRows(settings: EvaluationSettings): readonly (readonly [string, string])[] {
  const { source, judge, furtherJudges, thresholds, seed, samplesPerParaphrase, questions } = settings;
  const described = (what: string, { name, settings, details }: typeof source) => [
    [what, name] as const,
    ...Object.entries({ ...details, ...settings }).map(
      ([fact, value]) => [`${what}: ${fact}`, value === null ? '-' : String(value)] as const,
    ),
  ];
  return [
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
  ];
}

function tokensRows(rows: EvaluationResult['rows']): readonly (readonly string[])[] {
  const { answers, prompt, completion } = answerTokens(rows);
  if (answers === 0) return [];
  const note = answers < rows.length ? `, of ${answers} answers` : '';
  return [['tokens of the answers', `${prompt} read, ${completion} written${note}`]];
}
