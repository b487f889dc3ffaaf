import { closeSync, ftruncateSync, mkdirSync, openSync, readFileSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { z } from 'zod';
import { JournalCorruptError, JournalMismatchError } from './errors.ts';
import type { Verdict } from './judges/judge.ts';
import type { Facts } from './sources/answer-source.ts';

/** Which answer a record belongs to. */
export interface AnswerPlace {
  readonly questionId: string;
  readonly paraphraseIndex: number;
  readonly sampleIndex: number;
}

/** What an evaluation has done so far. */
export interface Journal {
  answer(place: AnswerPlace): string | undefined;
  verdict(place: AnswerPlace): Verdict | undefined;
  recordAnswer(place: AnswerPlace, answer: string): void;
  recordVerdict(place: AnswerPlace, verdict: Verdict): void;
  close(): void;
}

const score = z.number().min(0).max(100).nullable();
const place = { questionId: z.string(), paraphraseIndex: z.number(), sampleIndex: z.number() };
const factsRecord = z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()]));
const record = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('run'), version: z.literal(1), facts: factsRecord }),
  z.object({ kind: z.literal('answer'), ...place, answer: z.string() }),
  z.object({
    kind: z.literal('verdict'),
    ...place,
    verdict: z.object({
      aligned: score,
      coherent: score,
      otherScores: z.record(z.string(), score).exactOptional(),
      label: z.string().exactOptional(),
    }),
  }),
]);
type JournalRecord = z.infer<typeof record>;

/** A journal that is forgotten with the process. */
export function memoryJournal(): Journal {
  return journalOf(
    [],
    () => {},
    () => {},
  );
}

/**
 * Opens, or begins, an append-only journal: one JSON object a line, the first naming the run's facts. Every record is
 * written whole before the evaluation goes on, so that a killed process loses at most the line it was writing; such a
 * torn last line is cut off here.
 *
 * @param facts what must be the same for the journal's answers and verdicts to hold.
 * @throws {JournalMismatchError} when the journal's facts differ.
 * @throws {JournalCorruptError} for an unreadable line before the last, or a file that cannot be opened.
 */
export function openJournal(path: string, facts: Facts): Journal {
  const file = openOrCreate(path);
  try {
    const { records, length } = readRecords(path, readFileSync(file));
    const [head, ...rest] = records;
    if (head === undefined) {
      ftruncateSync(file, 0);
      append(file, { kind: 'run', version: 1, facts });
    } else {
      if (head.kind !== 'run') throw new JournalCorruptError(path, 'does not begin with a run record');
      refuseOtherRun(path, head.facts, facts);
      ftruncateSync(file, length);
    }
    return journalOf(
      rest,
      (entry) => append(file, entry),
      () => closeSync(file),
    );
  } catch (error) {
    closeSync(file);
    throw error;
  }
}

function openOrCreate(path: string): number {
  try {
    mkdirSync(dirname(path), { recursive: true });
    return openSync(path, 'a+');
  } catch (cause) {
    throw new JournalCorruptError(path, `cannot be opened (${(cause as Error).message})`, { cause });
  }
}

function append(file: number, entry: JournalRecord): void {
  writeSync(file, `${JSON.stringify(entry)}\n`);
}

/** The journal's records, and the length in bytes of the part that holds them. */
function readRecords(path: string, bytes: Buffer): { records: JournalRecord[]; length: number } {
  // A record is complete with its line break; what follows the last one was cut short by the end of a process.
  const length = bytes.lastIndexOf('\n') + 1;
  const lines = bytes.toString('utf8', 0, length).split('\n').slice(0, -1);
  const records = lines.map((line, index) => {
    const parsed = record.safeParse(parseJson(line));
    if (parsed.success) return parsed.data;
    const message = `line ${index + 1} is not a record of an evaluation journal; restore the file or delete it to begin anew`;
    throw new JournalCorruptError(path, message);
  });
  return { records, length };
}

function parseJson(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

function refuseOtherRun(path: string, before: Facts, now: Facts): void {
  const names = [...new Set([...Object.keys(before), ...Object.keys(now)])];
  const differences = names
    .filter((name) => before[name] !== now[name])
    .map((name) => `${name}: ${show(before[name])} in the journal, ${show(now[name])} now`);
  if (differences.length === 0) return;
  const message = `${path} belongs to another evaluation:\n  ${differences.join('\n  ')}\nGive this one an output directory of its own, or delete the journal to begin anew.`;
  throw new JournalMismatchError(path, differences, message);
}

function show(value: Facts[string] | undefined): string {
  return value === undefined ? 'nothing' : JSON.stringify(value);
}

function journalOf(
  records: readonly JournalRecord[],
  write: (entry: JournalRecord) => void,
  close: () => void,
): Journal {
  const answers = new Map<string, string>();
  const verdicts = new Map<string, Verdict>();
  for (const entry of records) {
    if (entry.kind === 'answer') answers.set(keyOf(entry), entry.answer);
    if (entry.kind === 'verdict') verdicts.set(keyOf(entry), entry.verdict);
  }
  return {
    answer: (at) => answers.get(keyOf(at)),
    verdict: (at) => verdicts.get(keyOf(at)),
    recordAnswer(at, answer) {
      write({ kind: 'answer', ...placeOf(at), answer });
      answers.set(keyOf(at), answer);
    },
    recordVerdict(at, verdict) {
      // A verdict that never came about is not kept: the resumed run asks again.
      if (verdict.error !== undefined) return;
      const { error: _, ...kept } = verdict;
      write({ kind: 'verdict', ...placeOf(at), verdict: kept });
      verdicts.set(keyOf(at), verdict);
    },
    close,
  };
}

function placeOf({ questionId, paraphraseIndex, sampleIndex }: AnswerPlace): AnswerPlace {
  return { questionId, paraphraseIndex, sampleIndex };
}

function keyOf({ questionId, paraphraseIndex, sampleIndex }: AnswerPlace): string {
  return JSON.stringify([questionId, paraphraseIndex, sampleIndex]);
}
