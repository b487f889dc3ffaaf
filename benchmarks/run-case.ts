import { loadavg } from 'node:os';
import type { Bar, BenchmarkCase, Measure, Program } from './cases.ts';
import { checkpointFolder } from './checkpoints.ts';
import { describeCommit } from './machine.ts';
import { median, type Run, runProgram } from './run-program.ts';

export interface JudgedBar extends Bar {
  /** Undefined when it could not be measured. */
  readonly value?: number;
  readonly met?: boolean;
}

/** What a case gave, as it stands in results.json. */
export interface CaseResult {
  readonly name: string;
  readonly title: string;
  /** ISO date. */
  readonly measuredAt: string;
  /** The code that was measured; a + behind it: with changes that were not committed. */
  readonly commit: string;
  /** Of libraries that were of other versions than the machine has now. */
  readonly versions?: Readonly<Record<string, string>>;
  /** The machine's, of the minute before: what others were doing. */
  readonly loadAverage: number;
  /** Few repetitions: a rough figure. */
  readonly quick: boolean;
  /** Medians over the runs. */
  readonly ours: Run;
  readonly peer?: Run & { readonly name: string };
  /** Measures of every pair of runs, in their order, and over all of them. */
  readonly pairs: Readonly<Partial<Record<Measure, readonly number[]>>>;
  readonly bars: readonly JudgedBar[];
}

export interface CaseOptions {
  readonly quick: boolean;
  readonly cacheDirectory: string;
  /** Hears before each run. */
  readonly onRun: (what: string) => void;
}

/** Runs ours and the peer's program in turns, each in a process of its own, and judges the bars. */
export async function runCase(
  benchmark: BenchmarkCase,
  { quick, cacheDirectory, onRun }: CaseOptions,
): Promise<CaseResult> {
  const [loadAverage] = loadavg() as [number, number, number];
  const rounds = quick ? 1 : 3;
  const ready = (program: Program) => prepare(program, quick, cacheDirectory);
  const [ourProgram, peerProgram] = [
    await ready(benchmark.ours),
    benchmark.peer && (await ready(benchmark.peer)),
  ];
  if (benchmark.warmCache) {
    onRun('SafeTune, filling the cache');
    await runProgram(ourProgram);
  }
  const ours: Run[] = [];
  const peers: Run[] = [];
  for (let round = 1; round <= rounds; round++) {
    onRun(`SafeTune, run ${round} of ${rounds}`);
    ours.push(await runProgram(ourProgram));
    // Without ours there is nothing to compare.
    if (ours.at(-1)!.status !== 'measured') break;
    if (peerProgram === undefined) continue;
    onRun(`${benchmark.peer!.name}, run ${round} of ${rounds}`);
    if (peers.at(-1)?.status !== 'unavailable') peers.push(await runProgram(peerProgram));
  }
  const pairs = pairMeasures(ours, peers);
  const ourSummary = summary(ours);
  return {
    name: benchmark.name,
    title: benchmark.title,
    measuredAt: new Date().toISOString(),
    commit: describeCommit(),
    loadAverage,
    quick,
    ours: ourSummary,
    ...(peers.length === 0 ? {} : { peer: { name: benchmark.peer!.name, ...summary(peers) } }),
    pairs,
    bars: benchmark.bars.map((bar) => judge(bar, pairs, ourSummary)),
  };
}

async function prepare(program: Program, quick: boolean, cacheDirectory: string): Promise<Program> {
  const { model, steps, ...settings } = program.settings;
  const fewer = quick ? Math.max(1, Math.round(steps / 5)) : steps;
  const directory =
    model === undefined ? {} : { directory: await checkpointFolder(cacheDirectory, model), cacheDirectory };
  return { ...program, settings: { ...settings, ...directory, steps: fewer } };
}

/** Ratios of each pair of runs in which both were measured. */
function pairMeasures(ours: readonly Run[], peers: readonly Run[]): CaseResult['pairs'] {
  const pairs: Partial<Record<Measure, number[]>> = {};
  const add = (measure: Measure, value: number) => {
    pairs[measure] = [...(pairs[measure] ?? []), value];
  };
  for (const [index, peer] of peers.entries()) {
    const our = ours[index]!;
    if (our.seconds === undefined || peer.seconds === undefined) continue;
    add('timeRatio', our.seconds / peer.seconds);
    add('cpuRatio', our.cpuSeconds! / peer.cpuSeconds!);
    add('memoryRatio', our.peakBytes! / peer.peakBytes!);
    if (our.loss !== undefined && peer.loss !== undefined) {
      add('lossDifference', Math.abs(our.loss - peer.loss) / Math.abs(peer.loss));
    }
  }
  return pairs;
}

/** Medians over runs; the first that was not measured stands for all. */
function summary(runs: readonly Run[]): Run {
  const broken = runs.find(({ status }) => status !== 'measured');
  if (broken !== undefined) return broken;
  const first = runs[0]!;
  const over = (read: (run: Run) => number | undefined) => median(runs.map((run) => read(run)!));
  return {
    status: 'measured',
    figures: Object.fromEntries(
      Object.keys(first.figures).map((name) => [name, over(({ figures }) => figures[name])]),
    ),
    ...(first.readySeconds === undefined ? {} : { readySeconds: over((run) => run.readySeconds) }),
    ...(first.loss === undefined ? {} : { loss: first.loss }),
    ...(first.seconds === undefined
      ? {}
      : {
          seconds: over((run) => run.seconds),
          cpuSeconds: over((run) => run.cpuSeconds),
          peakBytes: Math.max(...runs.map((run) => run.peakBytes!)),
        }),
  };
}

function judge(bar: Bar, pairs: CaseResult['pairs'], ours: Run): JudgedBar {
  const { measure, atMost } = bar;
  const own = { peakBytes: ours.peakBytes, readySeconds: ours.readySeconds, ...ours.figures } as Partial<
    Record<Measure, number>
  >;
  const value = pairs[measure] === undefined ? own[measure] : median(pairs[measure]);
  return value === undefined ? bar : { ...bar, value, met: value <= atMost };
}
