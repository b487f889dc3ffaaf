import { join } from 'node:path';
import { writeFileAtomically } from '@safetune/tensor';
import { cases as allCases, scaling } from './cases.ts';
import type { Machine } from './machine.ts';
import type { CaseResult, JudgedBar } from './run-case.ts';
import type { Run } from './run-program.ts';

/** What results.json holds. */
export interface Results {
  /** Of the last run of the benchmarks. */
  readonly machine: Machine;
  /** The last result of every case that was run on such a machine, perhaps with other versions of libraries. */
  readonly cases: readonly CaseResult[];
}

/** Writes results.json and RESULTS.md. */
export async function writeReport(folder: string, results: Results): Promise<void> {
  await writeFileAtomically(join(folder, 'results.json'), `${JSON.stringify(results, null, 2)}\n`);
  await writeFileAtomically(join(folder, 'RESULTS.md'), markdown(results));
}

function markdown({ machine, cases }: Results): string {
  const measured = cases.filter(({ name }) => !name.startsWith('scaling-'));
  return `# Benchmark results

Written by \`npx -y pnpm@12 bench\`; the same figures for programs are in \`results.json\`. Each case runs here and in its peer
in turns, as processes of their own; ratios are ours to the peer's, the median over the pairs. A step is forward, loss, backward,
clipping and AdamW. How to read them: [docs/performance.md](../docs/performance.md).

${machineTable(machine)}

## Bars

${table(
  ['case', 'bar', 'measured', 'met'],
  allCases.flatMap(({ name, title, bars }) => {
    const result = measured.find((each) => each.name === name);
    const judged: readonly JudgedBar[] = result?.bars ?? bars;
    return judged.map((bar) => [`\`${name}\`: ${title}`, describeBar(bar), barValue(bar, result), met(bar)]);
  }),
)}

## Measurements

Time and CPU time are of one step, in seconds; memory is the peak of the whole process, the weights' mapped file included;
ready is from the start of the process to the first step. Load is the machine's load average before the case: where it is not
near zero, others were at work, and wall times and CPU times of spinning threads are rough.

${table(
  [
    'case',
    'who',
    'time',
    'CPU time',
    'peak',
    'ready',
    'time ratio of each pair',
    'CPU ratio',
    'load',
    'commit',
    'on',
  ],
  measured.flatMap((result) => [
    [
      `\`${result.name}\``,
      'SafeTune',
      ...runCells(result.ours),
      ...ratioCells(result),
      result.loadAverage.toFixed(1),
      result.commit,
      [result.measuredAt.slice(0, 10), ...versionList(result.versions ?? {})].join(', '),
    ],
    ...(result.peer === undefined
      ? []
      : [['', result.peer.name, ...runCells(result.peer), '', '', '', '', '']]),
  ]),
)}
${otherFigures(cases)}${scalingSection(cases)}`;
}

function machineTable({ processor, cores, extensions, memoryGigabytes, system, versions }: Machine): string {
  const rows = {
    processor: `${processor}, ${cores} cores`,
    extensions: extensions.join(', ') || 'none known',
    memory: `${memoryGigabytes} GB`,
    system,
    versions: versionList(versions).join(', '),
  };
  return table(
    ['', ''],
    Object.entries(rows).map(([name, value]) => [name, value]),
  );
}

function versionList(versions: Machine['versions']): string[] {
  return Object.entries(versions).map(([name, version]) => `${name} ${version}`);
}

const ratios = new Set(['timeRatio', 'cpuRatio', 'memoryRatio']);
const names: Readonly<Record<JudgedBar['measure'], string>> = {
  timeRatio: 'time',
  cpuRatio: 'CPU time',
  memoryRatio: 'peak memory',
  peakBytes: 'peak memory',
  readySeconds: 'ready',
  lossDifference: 'same result, relative difference',
  gradientError: 'relative gradient error',
  bytesPerStep: 'growth a step',
  bytesPerCycle: 'growth a cycle',
};

function describeBar({ measure, atMost }: JudgedBar): string {
  return `${names[measure]} at most ${formatMeasure(measure, atMost)}`;
}

function barValue(bar: JudgedBar, result: CaseResult | undefined): string {
  if (bar.value !== undefined)
    return `${formatMeasure(bar.measure, bar.value)}${result?.quick ? ' (quick)' : ''}`;
  for (const run of [result?.ours, result?.peer]) {
    if (run !== undefined && run.status !== 'measured') return status(run);
  }
  return 'not measured';
}

function met({ met: holds }: JudgedBar): string {
  return holds === undefined ? '-' : holds ? 'yes' : 'NO';
}

/** A measure with its unit. */
export function formatMeasure(measure: JudgedBar['measure'], value: number): string {
  if (ratios.has(measure)) return `${value.toFixed(2)}x`;
  if (measure === 'peakBytes') return gigabytes(value);
  if (measure === 'readySeconds') return `${value.toFixed(1)} s`;
  if (measure === 'bytesPerStep' || measure === 'bytesPerCycle') return `${(value / 1024).toFixed(1)} KiB`;
  return value.toExponential(1);
}

function runCells(run: Run): string[] {
  if (run.status !== 'measured') return [status(run), '', '', ''];
  const seconds = (value: number | undefined) => (value === undefined ? '' : value.toPrecision(3));
  const peak = run.peakBytes === undefined ? '' : gigabytes(run.peakBytes);
  return [seconds(run.seconds), seconds(run.cpuSeconds), peak, seconds(run.readySeconds)];
}

function ratioCells({ pairs }: CaseResult): string[] {
  return [pairs.timeRatio, pairs.cpuRatio].map(
    (values) => values?.map((value) => value.toFixed(2)).join(', ') ?? '',
  );
}

function status({ status: is, reason }: Run): string {
  const text = is === 'unavailable' ? 'not available' : 'failed';
  return `${text}: ${reason?.replaceAll('|', '/')}`;
}

function otherFigures(cases: readonly CaseResult[]): string {
  const rows = cases.flatMap(({ name, ours }) =>
    Object.entries(ours.figures).map(([figure, value]) => [`\`${name}\``, figure, value.toPrecision(3)]),
  );
  return rows.length === 0 ? '' : `\n${table(['case', 'figure', 'value'], rows)}\n`;
}

/** Time and memory against the length and the depth, as charts. */
function scalingSection(cases: readonly CaseResult[]): string {
  const charts = (Object.keys(scaling) as (keyof typeof scaling)[]).flatMap((axis) => {
    const points = scaling[axis].flatMap((value) => {
      const run = cases.find(({ name }) => name === `scaling-${axis}-${value}`)?.ours;
      return run?.seconds === undefined ? [] : [{ value, seconds: run.seconds, peakBytes: run.peakBytes! }];
    });
    if (points.length < 2) return [];
    const label = axis === 'tokens' ? 'T, 24 layers' : 'layers, T = 256';
    const x = points.map(({ value }) => value);
    return [
      chart(
        'Seconds a step',
        label,
        x,
        points.map(({ seconds }) => seconds),
      ),
      chart(
        'Peak memory, GB',
        label,
        x,
        points.map(({ peakBytes }) => peakBytes / 1e9),
      ),
    ];
  });
  const isQuick = cases.some(({ name, quick }) => quick && name.startsWith('scaling-'));
  const roughly = isQuick ? ' From a quick run: one step each.' : '';
  return charts.length === 0
    ? ''
    : `\n## Cost against length and depth\n\nfp32, cross-entropy, whole, batch 1.${roughly}\n\n${charts.join('\n')}`;
}

function chart(title: string, label: string, x: readonly number[], y: readonly number[]): string {
  const values = y.map((value) => value.toFixed(2)).join(', ');
  const top = (Math.max(...y) * 1.1).toPrecision(2);
  return `\`\`\`mermaid
xychart-beta
  title "${title}"
  x-axis "${label}" [${x.join(', ')}]
  y-axis "${title}" 0 --> ${top}
  line [${values}]
\`\`\`
`;
}

function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [line(header), line(header.map(() => '---')), ...rows.map(line)].join('\n');
}

function gigabytes(bytes: number): string {
  return `${(bytes / 1e9).toFixed(2)} GB`;
}
