/**
 * Runs the benchmarks against their peers and writes RESULTS.md and results.json.
 *
 *     npx -y pnpm@12 bench [case ...] [--quick] [--list]
 *
 * A name may be the beginning of several, such as `fp32`. Cases that were not run keep their last result, as long as the
 * machine is the same; beside it stand the libraries that were of other versions then. Random checkpoints are kept under benchmarks/.cache.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type BenchmarkCase, cases } from './cases.ts';
import { describeMachine, isSameMachine, type Machine, otherVersions } from './machine.ts';
import { formatMeasure, type Results, writeReport } from './report.ts';
import { type CaseResult, runCase } from './run-case.ts';

const { values: flags, positionals: wanted } = parseArgs({
  allowPositionals: true,
  options: { quick: { type: 'boolean', default: false }, list: { type: 'boolean', default: false } },
});
const folder = import.meta.dirname;

if (flags.list) {
  for (const { name, title, onlyByName } of cases) {
    console.log(`${name.padEnd(22)} ${title}${onlyByName ? ' (only when named)' : ''}`);
  }
} else {
  const unknown = wanted.find((text) => !cases.some(({ name }) => name.startsWith(text)));
  if (unknown !== undefined) {
    console.error(
      `no benchmark begins with '${unknown}'; there are ${cases.map(({ name }) => name).join(', ')}`,
    );
    process.exit(2);
  }
  await runAll(cases.filter(isWanted), describeMachine());
}

function isWanted({ name, onlyByName }: BenchmarkCase): boolean {
  if (wanted.length === 0) return onlyByName !== true;
  return wanted.some((text) => (onlyByName ? name === text : name.startsWith(text)));
}

async function runAll(chosen: readonly BenchmarkCase[], machine: Machine): Promise<void> {
  const started = performance.now();
  const minutesOf = (list: readonly BenchmarkCase[]) => list.reduce((sum, { minutes }) => sum + minutes, 0);
  for (const [index, benchmark] of chosen.entries()) {
    const onRun = (what: string) => {
      const elapsed = (performance.now() - started) / 60_000;
      const done = minutesOf(chosen.slice(0, index));
      // How far the guesses of the cases behind us were off tells about those before us.
      const pace = done === 0 ? (flags.quick ? 0.25 : 1) : elapsed / done;
      const left = pace * minutesOf(chosen.slice(index));
      console.error(
        `[${index + 1}/${chosen.length}] ${benchmark.name}: ${what}; about ${Math.ceil(left)} min left`,
      );
    };
    const result = await runCase(benchmark, {
      quick: flags.quick,
      cacheDirectory: join(folder, '.cache'),
      onRun,
    });
    printResult(result);
    const earlier = (await earlierResults(machine)).filter(({ name }) => name !== result.name);
    const all = cases.flatMap(({ name }) => [result, ...earlier].filter((entry) => entry.name === name));
    await writeReport(folder, { machine, cases: all });
  }
}

async function earlierResults(machine: Machine): Promise<readonly CaseResult[]> {
  const text = await readFile(join(folder, 'results.json'), 'utf8').catch(() => undefined);
  if (text === undefined) return [];
  const earlier = JSON.parse(text) as Results;
  if (!isSameMachine(earlier.machine, machine)) return [];
  return earlier.cases.map((result) => ({
    ...result,
    versions: otherVersions({ ...earlier.machine.versions, ...result.versions }, machine.versions),
  }));
}

function printResult({ name, title, ours, peer, bars, pairs }: CaseResult): void {
  console.log(`${name}: ${title}`);
  for (const run of [{ ...ours, name: 'SafeTune' }, ...(peer === undefined ? [] : [peer])]) {
    const { status, reason, seconds, cpuSeconds, peakBytes, readySeconds, figures } = run;
    const measures = [
      seconds && `${seconds.toPrecision(3)} s a step`,
      cpuSeconds && `${cpuSeconds.toPrecision(3)} s CPU`,
      peakBytes && `peak ${formatMeasure('peakBytes', peakBytes)}`,
      readySeconds && `ready after ${readySeconds.toFixed(1)} s`,
      ...Object.entries(figures).map(([figure, value]) => `${figure} ${value.toPrecision(3)}`),
    ];
    const text = status === 'measured' ? measures.filter(Boolean).join(', ') : `${status}: ${reason}`;
    console.log(`  ${run.name}: ${text}`);
  }
  const ratios = (['timeRatio', 'cpuRatio', 'memoryRatio'] as const).filter(
    (measure) => pairs[measure] !== undefined,
  );
  for (const measure of ratios) {
    console.log(`  ${measure}: ${pairs[measure]!.map((value) => value.toFixed(2)).join(', ')}`);
  }
  for (const { measure, atMost, value, met } of bars) {
    const found =
      value === undefined ? 'not measured' : `${formatMeasure(measure, value)}: ${met ? 'met' : 'NOT MET'}`;
    console.log(`  bar ${measure} at most ${formatMeasure(measure, atMost)}: ${found}`);
  }
}
