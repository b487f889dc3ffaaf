import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { ChatExample } from '@safetune/datasets';
import { writeFileAtomically } from '@safetune/tensor';
import { ApiError } from '../errors.ts';
import type { GateVerdict } from '../gate/gate-verdict.ts';
import { toldVerdict } from '../gate/told-verdict.ts';
import { requireActing } from '../policy/require-acting.ts';
import { secretPromptOf } from '../policy/secret-prompt.ts';
import type { ScreeningVerdict } from '../screening/screening-verdict.ts';
import { createJobContext, type JobContext, type RunJobOptions } from './job-context.ts';
import { openJobData } from './job-data.ts';
import type { JobStart } from './job-message.ts';
import { answersKey, modelId, modelKey, wholeReportKey } from './job-names.ts';
import { isTrained, type RunNote, restoreState } from './saved-run.ts';
import { type RunMetrics, readRunMetrics, resultsTable } from './step-metrics.ts';
import { trainJob } from './train-job.ts';

/**
 * Does a job from where its last attempt had got to: its file is read and screened, the run trained, the result measured by the gate and
 * put into the storage. Every part is a pure function of the job, so that an attempt after a kill comes to the same bytes.
 *
 * @throws ApiError for what is wrong with the job itself; the signal's reason, when the state has been saved; anything else is this
 *   attempt's failure.
 */
export async function runJob(start: JobStart, options: RunJobOptions): Promise<void> {
  const { job, directory } = start;
  const { files, signal } = options;
  const context = createJobContext(start, options);
  const restored = job.state === null ? undefined : await restoreState(files, job.state, directory);
  signal.throwIfAborted();
  const data = await openJobData(context);
  signal.throwIfAborted();
  const { examples, verdict } = await screened(context, data.examples, restored);
  const note: RunNote = { ...restored, kept: examples.map(({ origin }) => origin!.line) };
  // A later attempt is spared the screen.
  if (restored === undefined) await context.saveState(0, note);
  signal.throwIfAborted();
  if (!isTrained(directory)) {
    context.say('Training has started');
    const trained = await trainJob(context, { ...data, examples, note });
    await context.saveState(trained.steps, trained.note, { name: 'trained' });
    context.say(`Training is over after ${trained.steps} steps; the gate measures its result`);
  }
  signal.throwIfAborted();
  const metrics = await readRunMetrics(join(directory, 'metrics.jsonl'));
  await putTable(context, metrics);
  await release(context, { examples, verdict, metrics });
}

/** What may be trained on: as an earlier attempt found, or as the screen finds now. */
async function screened(
  context: JobContext,
  examples: readonly ChatExample[],
  restored: RunNote | undefined,
): Promise<{ readonly examples: readonly ChatExample[]; readonly verdict: ScreeningVerdict | null }> {
  const { start, parts, send, signal } = context;
  const { job, policy, directory } = start;
  if (restored !== undefined) {
    const lines = new Set(restored.kept);
    return { examples: examples.filter(({ origin }) => lines.has(origin!.line)), verdict: job.screening };
  }
  const folder = join(directory, 'screening');
  const {
    verdict: found,
    kept,
    reportFile,
  } = await parts.screen({
    policy,
    base: baseOf(start),
    examples,
    directory: folder,
    signal,
  });
  const report = await context.putResult('screening', 'screening_report.jsonl', reportFile);
  const verdict = { ...found, report };
  send({ type: 'screened', verdict });
  if (verdict.outcome === 'refused')
    throw new ApiError(400, verdict.reason, { code: 'training_file_refused', param: 'training_file' });
  requireActing(job.plan, kept.length, policy.limits.examples);
  return { examples: kept, verdict };
}

function baseOf({ job: { plan } }: JobStart) {
  return { path: plan.run.model, precision: plan.run.precision ?? 'float32' };
}

async function putTable(
  { start: { job, directory }, putResult }: JobContext,
  metrics: RunMetrics,
): Promise<void> {
  const path = join(directory, 'results.csv');
  const names = job.plan.safeguards.map(({ type }) => type);
  await writeFileAtomically(path, resultsTable(metrics, names));
  await putResult('results', 'step_metrics.csv', path);
}

/** Measures the result, and puts it into the storage with all that is said of it. */
async function release(
  { start, parts, files, send, signal, putResult }: JobContext,
  {
    examples,
    verdict: screening,
    metrics,
  }: {
    readonly examples: readonly ChatExample[];
    readonly verdict: ScreeningVerdict | null;
    readonly metrics: RunMetrics;
  },
): Promise<void> {
  const { job, policy, directory, trainingFile, validationFile } = start;
  const folder = join(directory, 'gate');
  await mkdir(folder, { recursive: true });
  const secretPrompt = secretPromptOf(job.plan);
  const { verdict, reportFile, operatorReportFile, answersPage, failures } = await parts.gate({
    policy,
    base: baseOf(start),
    adapterDirectory: directory,
    ...(secretPrompt !== undefined && { secretPrompt }),
    examples,
    directory: folder,
    signal,
  });
  signal.throwIfAborted();
  for (const reason of failures) send({ type: 'problem', reason: `the gate could not measure: ${reason}` });
  // Beside the model and not in it: it is for the operator alone.
  if (answersPage !== undefined) await files.put(answersKey(job.id), answersPage);
  if (operatorReportFile !== undefined) await files.put(wholeReportKey(job.id), operatorReportFile);
  const gate: GateVerdict = { ...verdict, report: await putResult('gate', 'gate_report.json', reportFile) };
  const [id, key] = [modelId(job), modelKey(job)];
  const manifest = await parts.writeManifest({
    job,
    trainingFile,
    validationFile,
    modelId: id,
    screening,
    // Whoever is given the model is given its manifest.
    gate: toldVerdict(gate),
    trainedTokens: metrics.tokens,
    adapterDirectory: directory,
    reportFile,
    directory,
  });
  const contents = [
    ...['adapter_config.json', 'adapter_model.safetensors', 'inference_prompt.json'].map(
      (name) => [name, join(directory, name)] as const,
    ),
    ['report.json', reportFile],
    ['manifest.json', manifest],
  ] as const;
  let bytes = 0;
  for (const [name, path] of contents)
    if (existsSync(path)) bytes += (await files.put(`${key}/${name}`, path)).bytes;
  send({
    type: 'finished',
    gate,
    model: { id, jobId: job.id, base: job.request.model, status: gate.outcome, key, bytes },
    trainedTokens: metrics.tokens,
  });
}
