import { readFile } from 'node:fs/promises';
import { FileReadError } from '@safetune/tensor';

/** What a line of `metrics.jsonl` tells of. */
type LineKind = 'step' | 'evaluation' | 'sentinel' | 'end';

/** A line of `metrics.jsonl`. */
export interface RecordedLine {
  readonly kind: LineKind;
  /** Steps done. */
  readonly step: number;
  /** What it says but the step, by name: `pairs.margin`, `sentinel.kl`. What it says of time is no part of what a run computes. */
  readonly values: Readonly<Record<string, unknown>>;
}

/** Where a run ended before its last step. */
export interface RecordedEnd {
  readonly step: number;
  readonly by: string;
  readonly reason: string;
}

/**
 * Reads the metrics of a run.
 *
 * @throws FileReadError when they are missing, or a line is no JSON; a last line that a killed run left half written is none.
 */
export async function readMetrics(file: string): Promise<RecordedLine[]> {
  const text = await readFile(file, 'utf8').catch((cause: Error) => {
    throw new FileReadError('missing', file, `cannot be read (${cause.message})`);
  });
  const lines = text.split('\n');
  const rest = lines.pop();
  const whole = lines.map((line, index) => parsedLine(line, file, index + 1));
  return rest === undefined || rest === '' ? whole : [...whole, ...lastLine(rest, file)];
}

/** Whole lines end in a line feed, unless somebody's editor took it away. */
function lastLine(text: string, file: string): RecordedLine[] {
  try {
    return [parsedLine(text, file, 0)];
  } catch {
    return [];
  }
}

function parsedLine(text: string, file: string, line: number): RecordedLine {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (cause) {
    throw new FileReadError('json', file, `line ${line} is no JSON (${(cause as Error).message})`, { cause });
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed))
    throw new FileReadError('json', file, `line ${line} is no object`);
  const { step, ...values } = parsed as Record<string, unknown>;
  return { kind: kindOf(values), step: Number(step), values: Object.fromEntries(flat(values)) };
}

function kindOf(values: object): LineKind {
  if ('loss' in values) return 'step';
  if ('evaluation_loss' in values) return 'evaluation';
  return 'sentinel' in values ? 'sentinel' : 'end';
}

const ofTime = ['tokens_per_second', 'sentinel_seconds'];

function flat(values: object, path = ''): [name: string, value: unknown][] {
  return Object.entries(values).flatMap(([key, value]): [string, unknown][] => {
    if (path === '' && ofTime.includes(key)) return [];
    const name = `${path}${key}`;
    return typeof value === 'object' && value !== null ? flat(value, `${name}.`) : [[name, value]];
  });
}

/** How a run ended before its last step; undefined when nothing says so. */
export function endOf(lines: readonly RecordedLine[]): RecordedEnd | undefined {
  const ending = lines.find(({ values }) => 'ended.by' in values);
  if (ending === undefined) return undefined;
  const { 'ended.by': by, 'ended.reason': reason } = ending.values;
  return { step: ending.step, by: String(by), reason: String(reason) };
}
