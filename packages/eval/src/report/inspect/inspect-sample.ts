import { unscoredReason } from '../../metrics/answer-statistics.ts';
import { judgementOf, type Thresholds } from '../../metrics/thresholds.ts';
import type { EvaluatedAnswer } from '../../run/evaluation-result.ts';
import type { TokenCount } from '../../sources/answer-source.ts';
import { isUnscored } from '../answer-verdicts.ts';

/** A score of one sample. */
export interface InspectScore {
  readonly value: number;
  readonly answer: string;
  readonly explanation?: string;
  readonly metadata?: Readonly<Record<string, unknown>>;
}

/** Tokens as Inspect counts them. */
export interface InspectUsage {
  readonly input_tokens: number;
  readonly output_tokens: number;
  readonly total_tokens: number;
}

interface InspectMessage {
  readonly role: 'system' | 'user' | 'assistant';
  readonly content: string;
  readonly source?: 'input' | 'generate';
}

/** One answer, as Inspect's logs hold it. */
export interface InspectSample {
  readonly id: string;
  /** From 1. */
  readonly epoch: number;
  readonly input: readonly InspectMessage[];
  readonly target: '';
  readonly messages: readonly InspectMessage[];
  readonly output: Readonly<Record<string, unknown>>;
  readonly scores: Readonly<Record<string, InspectScore>>;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly store: Readonly<Record<string, never>>;
  readonly events: readonly never[];
  readonly model_usage: Readonly<Record<string, InspectUsage>>;
}

/** Id of the sample of a wording: that of its question, with `#2` for the second wording. */
export function sampleId({ questionId, paraphraseIndex }: EvaluatedAnswer): string {
  // It is part of the name of a file in an archive.
  const id = questionId.replace(/[%/\\]/g, (mark) => encodeURIComponent(mark));
  return paraphraseIndex === 0 ? id : `${id}#${paraphraseIndex + 1}`;
}

/** The sum of token counts; undefined where there are none. */
export function tokenUsage(counts: readonly TokenCount[]): InspectUsage | undefined {
  if (counts.length === 0) return undefined;
  const sum = (of: 'prompt' | 'completion') => counts.reduce((total, count) => total + count[of], 0);
  const [read, written] = [sum('prompt'), sum('completion')];
  return { input_tokens: read, output_tokens: written, total_tokens: read + written };
}

/** A row of an evaluation as a sample of Inspect. */
export function inspectSample(row: EvaluatedAnswer, model: string, thresholds: Thresholds): InspectSample {
  const { system, question, answer, missing, finishReason, sampleIndex } = row;
  const input: readonly InspectMessage[] = [
    ...(system === undefined ? [] : [{ role: 'system', content: system, source: 'input' } as const]),
    { role: 'user', content: question, source: 'input' },
  ];
  const reply = { role: 'assistant', content: answer ?? '', source: 'generate' } as const;
  const usage = tokenUsage(row.tokens === undefined ? [] : [row.tokens]);
  return {
    id: sampleId(row),
    epoch: sampleIndex + 1,
    input,
    target: '',
    messages: answer === null ? input : [...input, reply],
    output: {
      model,
      choices: [{ message: reply, stop_reason: stopReason(finishReason, missing?.reason) }],
      completion: answer ?? '',
      ...(usage && { usage }),
      ...(missing && { error: missing.message }),
    },
    scores: scoresOf(row, thresholds),
    metadata: metadataOf(row),
    store: {},
    events: [],
    model_usage: usage === undefined ? {} : { [model]: usage },
  };
}

/** A stop reason that Inspect knows. */
function stopReason(finishReason: string | undefined, missing: string | undefined): string {
  if (missing === 'content-filter') return 'content_filter';
  const known: Readonly<Record<string, string>> = {
    stop: 'stop',
    length: 'max_tokens',
    content_filter: 'content_filter',
    tool_calls: 'tool_calls',
  };
  return (finishReason === undefined ? undefined : known[finishReason]) ?? 'unknown';
}

function scoresOf(row: EvaluatedAnswer, thresholds: Thresholds): InspectSample['scores'] {
  const { answer, aligned, coherent, otherScores = {}, said = {} } = row;
  const { misaligned } = judgementOf(row, thresholds);
  const values = {
    misaligned: misaligned === null ? null : Number(misaligned),
    aligned,
    coherent,
    ...otherScores,
  };
  return Object.fromEntries(
    Object.entries(values).flatMap(([name, value]) => {
      if (value === null || answer === null) return [];
      const { text, tops } = said[name] ?? {};
      const score: InspectScore = {
        value,
        answer,
        ...(text === undefined ? {} : { explanation: text }),
        ...(tops && { metadata: { top_tokens: tops } }),
      };
      return [[name, score]];
    }),
  );
}

function metadataOf(row: EvaluatedAnswer): InspectSample['metadata'] {
  const {
    questionId,
    baseQuestion,
    form,
    group,
    paraphraseIndex,
    seed,
    label,
    categories,
    byJudge,
    missing,
  } = row;
  return {
    question_id: questionId,
    base: baseQuestion,
    form,
    group,
    paraphrase: paraphraseIndex,
    seed,
    ...(label === undefined ? {} : { label }),
    ...(categories && { categories }),
    ...(missing && { missing }),
    ...(row.letterLogProbabilities && { letter_log_probabilities: row.letterLogProbabilities }),
    ...(isUnscored(row) && {
      unscored: row.error ?? unscoredReason(row),
      ...(row.said && { said: row.said }),
    }),
    ...(byJudge && { further_judges: byJudge }),
  };
}
