import { readFile } from 'node:fs/promises';
import type { StepEvent } from '@safetune/trainer';
import type { JobEvent } from '../records/job-event.ts';

/** A run of more steps than this tells every second one, every third one, and so on. */
const mostEvents = 2000;

/** Whether a step of a run is told as an event; always the same ones, whoever asks. */
export function isTold(step: number, steps: number): boolean {
  return step % Math.ceil(steps / mostEvents) === 0 || step === steps || step === 1;
}

/** A step as the job's owner is told it. */
export function stepMetrics(event: StepEvent, validLoss?: number): Omit<JobEvent, 'number' | 'createdAt'> {
  const { step, steps } = event;
  const loss = taskLossOf(event);
  const valid = validLoss === undefined ? {} : { valid_loss: validLoss };
  const told = validLoss === undefined ? '' : `, validation loss=${validLoss.toFixed(4)}`;
  return {
    level: 'info',
    type: 'metrics',
    message: `Step ${step}/${steps}: training loss=${loss.toFixed(4)}${told}`,
    // What is the service's own stands over a safeguard of such a name.
    data: { ...event.penalties, step, total_steps: steps, train_loss: loss, ...valid },
  };
}

/** Of pairs their objective; of answers the cross-entropy, or what a safeguard has put in its place. */
export function taskLossOf({ pairs, taskLoss, crossEntropy }: StepEvent): number {
  return pairs?.loss ?? taskLoss ?? crossEntropy;
}

/** A line of a run's `metrics.jsonl`. */
type Line = Readonly<Record<string, unknown>> & { readonly step: number };

/** Everything that a run's `metrics.jsonl` says of its steps. */
export interface RunMetrics {
  readonly steps: readonly Line[];
  /** Loss on the validation file, by step. */
  readonly validLoss: ReadonlyMap<number, number>;
  /** Tokens of all steps. */
  readonly tokens: number;
}

/** @throws what reading the file throws; a run without a step has none, and gives empty metrics. */
export async function readRunMetrics(file: string): Promise<RunMetrics> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '';
    throw error;
  });
  const lines = text.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line) as Line]));
  const steps = lines.filter(({ loss }) => loss !== undefined);
  return {
    steps,
    validLoss: new Map(
      lines.flatMap(({ step, evaluation_loss: loss }) => (typeof loss === 'number' ? [[step, loss]] : [])),
    ),
    tokens: steps.reduce((sum, { tokens }) => sum + Number(tokens), 0),
  };
}

/**
 * The table of a finished job, a step a line: `step,train_loss,valid_loss`, and the penalties of its safeguards.
 *
 * @param penalties names of the safeguards
 */
export function resultsTable({ steps, validLoss }: RunMetrics, penalties: readonly string[]): string {
  const told = penalties.filter((name) => steps.some((line) => typeof line[name] === 'number'));
  const rows = steps.map((line) => {
    const pairs = line.pairs as { readonly loss?: number } | undefined;
    const loss = pairs?.loss ?? line.task_loss ?? line.cross_entropy;
    return [line.step, loss, validLoss.get(line.step) ?? '', ...told.map((name) => line[name] ?? '')];
  });
  return [['step', 'train_loss', 'valid_loss', ...told], ...rows]
    .map((row) => `${row.map((cell) => quoted(String(cell))).join(',')}\n`)
    .join('');
}

function quoted(cell: string): string {
  return /[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell;
}
