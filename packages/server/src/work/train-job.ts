import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import {
  openRun,
  type RunInput,
  readRun,
  type StepEvent,
  type TrainEvent,
  trainRun,
} from '@safetune/trainer';
import type { JobContext } from './job-context.ts';
import type { JobData } from './job-data.ts';
import { type RunNote, setAside } from './saved-run.ts';
import { StateUploads } from './state-uploads.ts';
import { isTold, readRunMetrics, stepMetrics, taskLossOf } from './step-metrics.ts';

/** Progress is told this often, in milliseconds; more would only keep the records busy. */
const progressEvery = 2000;

/**
 * Trains a job's run in its folder, from where that has got to. Its state goes into the storage after each checkpoint, and when the signal
 * stops it.
 *
 * @returns steps that were taken all in all, and what the run is to be gone on with
 * @throws what training throws; the signal's reason when the state has been saved
 */
export async function trainJob(
  context: JobContext,
  { note, examples, ...data }: JobData & { readonly note: RunNote },
): Promise<{ readonly steps: number; readonly note: RunNote }> {
  const { start, send, signal, saveState } = context;
  const { job, directory } = start;
  const source = await readRun({ given: givenRun(context, data, note) });
  const opened = await openRun(source);
  let [kept, done, tokens, told] = [
    note,
    0,
    (await readRunMetrics(join(directory, 'metrics.jsonl'))).tokens,
    0,
  ];
  let lastStep: StepEvent | undefined;
  let validLoss: number | undefined;
  const checkpoints = new Map<number, Readonly<Record<string, number>>>();
  const uploads = new StateUploads(async (step, staging) => {
    // A state may have been left out, but not what is told of it.
    const until = [...checkpoints].filter(([at]) => at <= step);
    for (const [at] of until) checkpoints.delete(at);
    const named = until.map(([at, metrics]) => ({ id: checkpointId(job.id, at), step: at, metrics }));
    await saveState(step, kept, { ...(step === 0 && { name: 'started' }), staging, checkpoints: named });
  });
  const tellStep = () => {
    if (lastStep !== undefined && isTold(lastStep.step, lastStep.steps))
      send({ type: 'event', event: stepMetrics(lastStep, validLoss) });
    [lastStep, validLoss] = [undefined, undefined];
  };
  const onEvent = (event: TrainEvent) => {
    if (event.type === 'start') {
      done = event.done;
      if (event.memory === undefined || event.memory === kept.memory) return;
      kept = { ...kept, memory: event.memory };
      // From the first step on: an attempt on a machine with less memory would choose another way, and round otherwise.
      if (done === 0) uploads.add(0, join(directory, 'state-started'));
    } else if (event.type === 'step') {
      // A step's event waits for the evaluation behind it.
      tellStep();
      [lastStep, done, tokens] = [event, event.step, tokens + event.tokens];
      if (Date.now() - told < progressEvery) return;
      told = Date.now();
      const estimatedFinish = Math.ceil(told / 1000 + event.secondsLeft);
      send({ type: 'progress', estimatedFinish, trainedTokens: tokens });
    } else if (event.type === 'evaluation') {
      validLoss = event.loss;
    } else if (event.type === 'checkpoint') {
      const valid = validLoss === undefined ? {} : { valid_loss: validLoss };
      if (lastStep !== undefined) checkpoints.set(event.step, { train_loss: taskLossOf(lastStep), ...valid });
      const staging = join(directory, `state-${event.step}`);
      // The run goes on and writes the next one over it.
      setAside(directory, staging);
      uploads.add(event.step, staging);
    }
  };
  try {
    const run = { ...opened, examples, heldOut: data.heldOut };
    const { steps } = await trainRun(run, { directory, signal, onEvent, onSkipped: () => {} });
    tellStep();
    await uploads.settled();
    return { steps, note: kept };
  } catch (error) {
    if (!signal.aborted || error !== signal.reason) throw error;
    tellStep();
    await uploads.settled();
    // Training has saved the state before it stopped; before the first step there is none.
    if (done > 0 && existsSync(join(directory, 'checkpoint.safetensors')))
      await saveState(done, kept, { name: `${done}-stopped` });
    throw error;
  }
}

/** The fields of the run: those of the plan, the files, and the way of running that it has been run in so far. */
function givenRun(
  { start: { job } }: JobContext,
  { trainingPath, validationPath, evaluateEvery }: Omit<JobData, 'examples'>,
  { memory }: RunNote,
) {
  const { run, method } = job.plan;
  const source = (path: string) => ({
    path,
    format: 'jsonl' as const,
    shape: method === 'dpo' ? 'openai-preference' : 'messages',
  });
  const input = {
    ...run,
    data: source(trainingPath),
    ...(validationPath === undefined
      ? {}
      : { evaluation: { data: source(validationPath), every: evaluateEvery } }),
    ...(memory === undefined ? {} : { memory }),
    // The policy is for all machines that have workers; some have fewer cores.
    ...(run.threads === undefined ? {} : { threads: Math.min(run.threads, availableParallelism()) }),
  } as RunInput;
  return Object.entries(input).map(([name, value]) => ({ path: [name], value, name }));
}

function checkpointId(jobId: string, step: number): string {
  return `ftckpt_${jobId.replace(/^ftjob-/, '')}-${step}`;
}
