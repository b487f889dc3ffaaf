import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { RunFolderError, RunMismatchError } from '../errors.ts';
import type { Judge } from '../judges/judge.ts';
import type { Question } from '../questions/question.ts';
import type { Facts } from '../sources/answer-source.ts';
import { writeFileAtomically } from '../write-file-atomically.ts';
import { openRecordFile, readRecordFile } from './record-file.ts';
import { acquireRunLock } from './run-lock.ts';
import { type RunMemory, runMemory } from './run-memory.ts';
import { answerRecord, judgeDigest, type RunDescription, runRecord, verdictRecord } from './run-records.ts';

/** An evaluation's folder, held by this process alone. */
export interface RunFolder extends RunMemory {
  /** Writes down who judges, so that the verdicts can be told apart later. */
  recordJudge(judge: Judge): void;
  close(): void;
}

/**
 * Opens, or makes, the folder of an evaluation: run.json (what is asked, and of whom), answers.jsonl and verdicts.jsonl; `writeResult` adds
 * judged.jsonl.
 * What is there is gone on with: more samples and questions extend it, another judge adds verdicts of its own.
 *
 * @throws {RunMismatchError} when the answers that are there are those of another source or seed.
 * @throws {RunLockedError} while another evaluation works in the folder.
 * @throws {RunFolderError} for an unreadable file, or a folder that cannot be written.
 */
export async function openRunFolder(folder: string, description: RunDescription): Promise<RunFolder> {
  const release = lockFolder(folder);
  try {
    const earlier = descriptionIn(folder);
    const answers = openRecordFile(join(folder, 'answers.jsonl'), answerRecord);
    // Of a folder without answers nothing is lost by asking someone else.
    if (earlier !== undefined && answers.records.length > 0) refuseOtherRun(folder, earlier, description);
    await writeFileAtomically(join(folder, 'run.json'), `${JSON.stringify(runJson(description), null, 2)}\n`);
    const verdicts = openRecordFile(join(folder, 'verdicts.jsonl'), verdictRecord);
    const judges = new Set(verdicts.records.filter(({ kind }) => kind === 'judge').map(({ judge }) => judge));
    return {
      ...runMemory(answers.records, verdicts.records, {
        onAnswer: answers.append,
        onVerdict: verdicts.append,
      }),
      recordJudge(judge) {
        const digest = judgeDigest(judge);
        if (judges.has(digest)) return;
        verdicts.append({ kind: 'judge', judge: digest, name: judge.name, settings: { ...judge.settings } });
        judges.add(digest);
      },
      close() {
        answers.close();
        verdicts.close();
        release();
      },
    };
  } catch (error) {
    release();
    throw error;
  }
}

/** A finished or interrupted evaluation as its folder holds it. */
export interface StoredRun extends RunDescription {
  readonly folder: string;
  readonly memory: RunMemory;
}

/**
 * Reads the folder of an evaluation and changes nothing in it.
 *
 * @throws {RunFolderError} when it is not the folder of an evaluation, or a file in it is damaged.
 */
export function readRun(folder: string): StoredRun {
  const description = descriptionIn(folder);
  if (description === undefined) {
    const message = 'is not the folder of an evaluation: it holds no run.json';
    throw new RunFolderError(folder, message);
  }
  const answers = readRecordFile(join(folder, 'answers.jsonl'), answerRecord);
  const verdicts = readRecordFile(join(folder, 'verdicts.jsonl'), verdictRecord);
  return { ...description, folder, memory: runMemory(answers, verdicts) };
}

function lockFolder(folder: string): () => void {
  try {
    mkdirSync(folder, { recursive: true });
    return acquireRunLock(join(folder, 'run.lock'));
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === undefined) throw cause;
    throw new RunFolderError(folder, `cannot be written (${(cause as Error).message}); choose another`, {
      cause,
    });
  }
}

function descriptionIn(folder: string): RunDescription | undefined {
  const path = join(folder, 'run.json');
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new RunFolderError(path, `cannot be read (${(cause as Error).message})`, { cause });
  }
  const parsed = runRecord.safeParse(parseJson(text));
  if (!parsed.success) throw new RunFolderError(path, 'is not the description of an evaluation');
  const { source, seed, samplesPerParaphrase, questions } = parsed.data;
  return { source, seed, samplesPerParaphrase, questions: questions as unknown as readonly Question[] };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function runJson({ source, seed, samplesPerParaphrase, questions }: RunDescription) {
  const format = 'safetune-evaluation-run';
  return { format, version: 1, source, seed, samplesPerParaphrase, questions } as const;
}

function refuseOtherRun(folder: string, before: RunDescription, now: RunDescription): void {
  const then = factsOf(before);
  const present = factsOf(now);
  const differences = [...new Set([...Object.keys(then), ...Object.keys(present)])]
    .filter((name) => then[name] !== present[name])
    .map((name) => `${name}: ${show(then[name])} in the folder, ${show(present[name])} now`);
  if (differences.length > 0) throw new RunMismatchError(folder, differences);
}

/** What must be the same for the folder's answers to hold. */
function factsOf({ source, seed }: RunDescription): Facts {
  const settings = Object.entries(source.settings).map(([name, value]) => [`source.${name}`, value]);
  return { source: source.name, seed, ...Object.fromEntries(settings) };
}

function show(value: Facts[string] | undefined): string {
  return value === undefined ? 'nothing' : JSON.stringify(value);
}
