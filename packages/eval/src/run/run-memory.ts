import type { JudgeTask, TaskVerdict } from '../judges/judge.ts';
import type { AnswerRequest } from '../sources/answer-source.ts';
import {
  type AnswerRecord,
  askedDigest,
  keptVerdict,
  type StoredAnswer,
  type VerdictRecord,
  verdictPlace,
} from './run-records.ts';

/** What an evaluation has done so far: answers, and verdicts by answer, judge and prompt. */
export interface RunMemory {
  answer(request: AnswerRequest): StoredAnswer | undefined;
  recordAnswer(request: AnswerRequest, answer: StoredAnswer): void;
  /** @param judge digest of the judge. */
  verdict(judge: string, task: JudgeTask, answer: string): TaskVerdict | undefined;
  /** A verdict with an error is not kept: it never came about, and the resumed run asks again. */
  recordVerdict(judge: string, task: JudgeTask, answer: string, verdict: TaskVerdict): void;
}

/** Told of every record as it is made. */
export interface RunMemoryListeners {
  readonly onAnswer?: (record: AnswerRecord) => void;
  readonly onVerdict?: (record: VerdictRecord) => void;
}

/** A memory that begins with the records of an earlier run, and tells of new ones. */
export function runMemory(
  answers: Iterable<AnswerRecord> = [],
  verdicts: Iterable<VerdictRecord> = [],
  { onAnswer, onVerdict }: RunMemoryListeners = {},
): RunMemory {
  const answerAt = new Map<string, StoredAnswer>();
  const verdictAt = new Map<string, TaskVerdict>();
  for (const { questionId, paraphraseIndex, sampleIndex, asked, ...answer } of answers) {
    answerAt.set(JSON.stringify([questionId, paraphraseIndex, sampleIndex, asked]), answer);
  }
  for (const record of verdicts) {
    if (record.kind === 'verdict') verdictAt.set(keyOf(record), record.verdict);
  }
  return {
    answer: (request) => answerAt.get(requestKey(request)),
    recordAnswer(request, answer) {
      const { questionId, paraphraseIndex, sampleIndex } = request;
      onAnswer?.({ questionId, paraphraseIndex, sampleIndex, asked: askedDigest(request), ...answer });
      answerAt.set(requestKey(request), answer);
    },
    verdict: (judge, task, answer) => verdictAt.get(keyOf(verdictPlace(judge, task, answer))),
    recordVerdict(judge, task, answer, verdict) {
      if (verdict.error !== undefined) return;
      const place = verdictPlace(judge, task, answer);
      onVerdict?.({ kind: 'verdict', ...place, verdict: keptVerdict(verdict) });
      verdictAt.set(keyOf(place), verdict);
    },
  };
}

function requestKey(request: AnswerRequest): string {
  const { questionId, paraphraseIndex, sampleIndex } = request;
  return JSON.stringify([questionId, paraphraseIndex, sampleIndex, askedDigest(request)]);
}

function keyOf({ judge, answer, prompt, task }: ReturnType<typeof verdictPlace>): string {
  return `${judge} ${answer} ${prompt} ${task}`;
}
