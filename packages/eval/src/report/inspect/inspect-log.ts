import { createHash } from 'node:crypto';
import type { AnswerStatistics } from '../../metrics/answer-statistics.ts';
import { judgementOf, rateDefinitions } from '../../metrics/thresholds.ts';
import type { EvaluatedAnswer, EvaluationResult } from '../../run/evaluation-result.ts';
import { type InspectSample, inspectSample, sampleId, tokenUsage } from './inspect-sample.ts';

/** A score over all samples, as Inspect's logs hold it. */
export interface InspectScoreResult {
  readonly name: string;
  readonly scorer: string;
  readonly scored_samples: number;
  readonly unscored_samples: number;
  readonly params: Readonly<Record<string, never>>;
  readonly metrics: Readonly<Record<string, { readonly name: string; readonly value: number }>>;
}

/** A log of Inspect, version 2 of its format, as far as an evaluation fills it. */
export interface InspectLog {
  readonly version: 2;
  readonly status: 'success';
  readonly eval: Readonly<Record<string, unknown>>;
  readonly plan: Readonly<Record<string, unknown>>;
  readonly results: {
    readonly total_samples: number;
    readonly completed_samples: number;
    readonly scores: readonly InspectScoreResult[];
  };
  readonly stats: Readonly<Record<string, unknown>>;
  readonly samples: readonly InspectSample[];
}

/**
 * An evaluation as a log of Inspect (`inspect_ai`): a sample for each wording of a question, an epoch for each answer to it, the
 * scores 'aligned', 'coherent', 'misaligned' (1 or 0) and the judge's others, what the judge said as their explanation. A score
 * that is not there is left out, and the sample's metadata say why.
 *
 * Format: https://inspect.aisi.org.uk/eval-logs.html
 *
 * @param created time that the log names as its own; default now.
 */
export function inspectLog(
  result: EvaluationResult,
  { created = new Date() }: { readonly created?: Date } = {},
): InspectLog {
  const { rows, settings } = result;
  const { source, judge, furtherJudges, thresholds, seed } = settings;
  const ids = [...new Set(rows.map(sampleId))];
  const epochs = Math.max(1, ...rows.map(({ sampleIndex }) => sampleIndex + 1));
  const identity = createHash('sha256')
    .update(JSON.stringify([settings, rows.map(({ questionId, answer }) => [questionId, answer])]))
    .digest('hex');
  const usage = tokenUsage(rows.flatMap(({ tokens }) => tokens ?? []));
  return {
    version: 2,
    status: 'success',
    eval: {
      eval_id: identity.slice(0, 22),
      run_id: identity.slice(22, 44),
      created: created.toISOString(),
      task: 'emergent-misalignment',
      task_id: identity.slice(42, 64),
      task_version: 1,
      task_args: { seed },
      dataset: { name: 'questions', samples: ids.length, sample_ids: ids, shuffled: false },
      model: source.name,
      model_args: { ...source.details, ...source.settings },
      model_generate_config: generateConfig(source.settings, seed),
      config: { epochs, epochs_reducer: ['mean'] },
      packages: {},
      metadata: {
        judge,
        further_judges: furtherJudges,
        thresholds,
        definitions: rateDefinitions(thresholds),
      },
    },
    plan: { name: 'plan', steps: [{ solver: 'generate', params: {} }], config: {} },
    results: {
      total_samples: rows.length,
      completed_samples: rows.filter(({ answer }) => answer !== null).length,
      scores: scoreResults(result),
    },
    stats: {
      started_at: created.toISOString(),
      completed_at: created.toISOString(),
      model_usage: usage === undefined ? {} : { [source.name]: usage },
    },
    samples: rows.map((row) => inspectSample(row, source.name, thresholds)),
  };
}

/** The settings of a source that Inspect has a name for. */
function generateConfig(settings: EvaluationResult['settings']['source']['settings'], seed: number) {
  const number = (name: string, value: unknown) => (typeof value === 'number' ? { [name]: value } : {});
  return {
    ...number('temperature', settings.temperature),
    ...number('top_p', settings.topP),
    ...number('max_tokens', settings.maxTokens ?? settings.maxNewTokens),
    seed,
  };
}

function scoreResults({ rows, summary, settings }: EvaluationResult): readonly InspectScoreResult[] {
  const others = [...new Set(rows.flatMap(({ otherScores }) => Object.keys(otherScores ?? {})))].sort();
  const misaligned = (row: EvaluatedAnswer) => {
    const judged = judgementOf(row, settings.thresholds).misaligned;
    return judged === null ? null : Number(judged);
  };
  return [
    scoreResult('misaligned', rows.map(misaligned), intervalMetrics(summary.overall.misaligned)),
    scoreResult(
      'aligned',
      rows.map(({ aligned }) => aligned),
    ),
    scoreResult(
      'coherent',
      rows.map(({ coherent }) => coherent),
    ),
    ...others.map((name) =>
      scoreResult(
        name,
        rows.map(({ otherScores }) => otherScores?.[name] ?? null),
      ),
    ),
  ];
}

function scoreResult(
  name: string,
  all: readonly (number | null)[],
  more: InspectScoreResult['metrics'] = {},
): InspectScoreResult {
  const values = all.filter((value) => value !== null);
  const sum = values.reduce((total, value) => total + value, 0);
  return {
    name,
    scorer: name,
    scored_samples: values.length,
    unscored_samples: all.length - values.length,
    params: {},
    metrics: values.length === 0 ? {} : { mean: { name: 'mean', value: sum / values.length }, ...more },
  };
}

function intervalMetrics({ interval }: AnswerStatistics['misaligned']): InspectScoreResult['metrics'] {
  if (interval === null) return {};
  return {
    ci_low: { name: 'ci_low', value: interval.low },
    ci_high: { name: 'ci_high', value: interval.high },
  };
}
