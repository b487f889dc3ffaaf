import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { Judge, JudgeTask, TaskVerdict } from '../judges/judge.ts';
import type { Question } from '../questions/question.ts';
import type { AnswerRequest, DrawnAnswer, Facts } from '../sources/answer-source.ts';

/** A source or a judge, as run folders and reports describe it. */
export interface Described {
  readonly name: string;
  readonly settings: Facts;
  readonly details: Facts;
}

/** What run.json holds: what was asked, and of whom. */
export interface RunDescription {
  readonly source: Described;
  readonly seed: number;
  /** null: each question's own. */
  readonly samplesPerParaphrase: number | null;
  readonly questions: readonly Question[];
}

/** What a run keeps of one drawn answer. */
export type StoredAnswer = Omit<DrawnAnswer, 'index'>;

/** 0 .. 100, or null where there is none. */
export const score = z.number().min(0).max(100).nullable();
const tokens = z.object({ prompt: z.number(), completion: z.number() });
const factsRecord = z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()]));
/** {@link Described} */
export const described = z.object({ name: z.string(), settings: factsRecord, details: factsRecord });

/** One line of answers.jsonl. */
export const answerRecord = z.object({
  questionId: z.string(),
  paraphraseIndex: z.number(),
  sampleIndex: z.number(),
  /** Digest of what was asked: an answer to other words, or at another temperature, is not this one. */
  asked: z.string(),
  answer: z.string().nullable(),
  missing: z
    .object({ reason: z.enum(['content-filter', 'refused-request', 'empty']), message: z.string() })
    .exactOptional(),
  letterLogProbabilities: z.array(z.number().nullable()).readonly().exactOptional(),
  finishReason: z.string().exactOptional(),
  tokens: tokens.exactOptional(),
});
export type AnswerRecord = z.infer<typeof answerRecord>;

const taskVerdict = z.object({
  scores: z.record(z.string(), score),
  label: z.string().exactOptional(),
  categories: z.record(z.string(), z.string()).exactOptional(),
  said: z
    .object({
      text: z.string(),
      tops: z.array(z.object({ token: z.string(), logprob: z.number() })).exactOptional(),
    })
    .exactOptional(),
  tokens: tokens.exactOptional(),
});

/** One line of verdicts.jsonl. */
export const verdictRecord = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('judge'), judge: z.string(), name: z.string(), settings: factsRecord }),
  z.object({
    kind: z.literal('verdict'),
    judge: z.string(),
    /** Digest of the answer. */
    answer: z.string(),
    /** Digest of what the judge was shown. */
    prompt: z.string(),
    task: z.string(),
    verdict: taskVerdict,
  }),
]);
export type VerdictRecord = z.infer<typeof verdictRecord>;

/** run.json */
export const runRecord = z.object({
  format: z.literal('safetune-evaluation-run'),
  version: z.literal(1),
  source: described,
  seed: z.number(),
  samplesPerParaphrase: z.number().nullable(),
  questions: z.array(
    z.looseObject({
      id: z.string(),
      paraphrases: z.array(z.string()),
      samplesPerParaphrase: z.number(),
      judgePrompts: z.record(z.string(), z.string()),
    }),
  ),
});

/** Digest of what one request asks: its messages, and its temperature where the question sets one. */
export function askedDigest({ messages, temperature }: AnswerRequest): string {
  return digest(JSON.stringify([messages, temperature ?? null]));
}

/** Names a judge and whatever decides its scores. */
export function judgeDigest({ name, settings = {} }: Judge): string {
  return digest(JSON.stringify([name, Object.entries(settings).sort()]));
}

/** The place of a task's verdict: another answer, judge or prompt has another. */
export function verdictPlace(judge: string, task: JudgeTask, answer: string) {
  return { judge, answer: digest(answer), prompt: digest(task.prompt), task: task.name };
}

/** A verdict as it is kept. */
export function keptVerdict({ error: _, ...kept }: TaskVerdict): z.infer<typeof taskVerdict> {
  return {
    ...kept,
    scores: { ...kept.scores },
    ...(kept.said && {
      said: { text: kept.said.text, ...(kept.said.tops && { tops: [...kept.said.tops] }) },
    }),
  } as z.infer<typeof taskVerdict>;
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 32);
}
