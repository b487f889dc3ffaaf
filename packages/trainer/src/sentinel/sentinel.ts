import type { ChatTokenizer } from '@safetune/datasets';
import type { CausalLm } from '@safetune/models';
import type { RuntimeOptions } from '@safetune/tensor';
import { SentinelError, TrainOptionError } from '../errors.ts';
import type { RunEnd, StepObserver } from '../run/step-observer.ts';
import type { Trainable } from '../step/trainable.ts';
import { breachOf, checkBounds } from './bounds.ts';
import type { OpenProbe, Probe, ProbeSubject } from './probe.ts';
import type { SentinelEvent, SentinelReading } from './sentinel-event.ts';
import type { SentinelOptions } from './sentinel-options.ts';

/** The run that is watched. */
export interface WatchedRun {
  readonly model: CausalLm;
  readonly tokenizer: ChatTokenizer;
  readonly trainable: Trainable;
  readonly runtime?: RuntimeOptions;
  readonly onEvent?: (event: SentinelEvent) => void;
}

/** What of the sentinel is kept in a checkpoint as text. */
interface Facts {
  /** The last step after which everything was within bounds. */
  readonly within: number;
  readonly end: RunEnd | null;
}

/**
 * Opens the probes of a run and looks at it at its steps. After a look that found everything within its stop and roll-back bounds it keeps
 * the values, so as to go back to them; they and its judgement are its state.
 *
 * @throws TrainOptionError for options without meaning, or when no adapter is trained; what opening a probe throws.
 */
export async function openSentinel(run: WatchedRun, options: SentinelOptions): Promise<StepObserver> {
  const { everySteps, probes } = options;
  const subject = checkSentinel(run, options);
  const { parameters } = run.trainable;
  const keeps = probes.some(({ bounds }) => bounds?.rollBack !== undefined);
  const kept = keeps ? parameters.slice() : undefined;
  let facts: Facts = { within: 0, end: null };
  const opened = await openAll(probes, subject);

  const judge = (step: number, readings: readonly SentinelReading[]): RunEnd | undefined => {
    const ending = readings.filter(({ breach }) => breach !== undefined && breach.action !== 'warn');
    if (ending.length === 0) {
      facts = { within: step, end: null };
      kept?.set(parameters);
      return undefined;
    }
    const reasons = ending.map(
      ({ probe, value, breach }) => `${probe} is ${short(value)}, beyond ${breach!.bound}`,
    );
    if (step === 0) throw new SentinelError(0, `before the first step ${reasons.join('; ')}`);
    const goesBack = ending.some(({ breach }) => breach!.action === 'roll-back');
    if (goesBack) parameters.set(kept!);
    const resultOfStep = goesBack ? facts.within : step;
    const end: RunEnd = { by: 'sentinel', step, resultOfStep, reason: reasons.join('; ') };
    facts = { ...facts, end };
    return end;
  };
  return {
    name: 'sentinel',
    isDue: (step, steps) => step % everySteps === 0 || step === steps,
    async observe(step) {
      const readings: SentinelReading[] = [];
      for (const { probe, open } of opened) readings.push(await read(probe, open, step));
      const ended = judge(step, readings);
      run.onEvent?.({ type: 'sentinel', step, readings, ...(ended === undefined ? {} : { ended }) });
      return ended;
    },
    state: () => ({ facts, tensors: kept === undefined ? {} : { within: kept } }),
    restore(state) {
      facts = state.facts as Facts;
      kept?.set(state.tensors.within!);
      return facts.end ?? undefined;
    },
    release: () => releaseAll(opened),
  };
}

type Opened = readonly { readonly probe: Probe; readonly open: OpenProbe }[];

async function read(probe: Probe, open: OpenProbe, step: number): Promise<SentinelReading> {
  const started = performance.now();
  const { value, findings = [] } = await open.measure();
  if (!Number.isFinite(value)) throw new SentinelError(step, `'${probe.name}' measured ${value}`);
  const breach = breachOf(probe, value);
  return {
    probe: probe.name,
    value,
    worse: probe.worse ?? 'higher',
    bounds: probe.bounds ?? {},
    ...(breach === undefined ? {} : { breach }),
    findings,
    seconds: (performance.now() - started) / 1000,
  };
}

async function openAll(probes: readonly Probe[], subject: ProbeSubject): Promise<Opened> {
  const opened: { probe: Probe; open: OpenProbe }[] = [];
  try {
    for (const probe of probes) opened.push({ probe, open: await probe.open(subject) });
    return opened;
  } catch (error) {
    await releaseAll(opened);
    throw error;
  }
}

async function releaseAll(opened: Opened): Promise<void> {
  for (const { open } of opened) await open.release();
}

function checkSentinel(
  { model, tokenizer, trainable: { adapter }, runtime }: WatchedRun,
  { everySteps, probes }: SentinelOptions,
): ProbeSubject {
  const refuse = (message: string): never => {
    throw new TrainOptionError('sentinel', message);
  };
  if (!Number.isInteger(everySteps) || everySteps < 1)
    refuse(`everySteps is ${everySteps}, must be a positive integer`);
  if (probes.length === 0) refuse('it has no probes');
  const names = probes.map(({ name }) => name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) refuse(`two probes are named '${twice}'; give one another name`);
  for (const probe of probes) checkBounds(probe);
  if (adapter === undefined) return refuse('it watches an adapter, but all weights are trained');
  return { model, tokenizer, adapter, ...(runtime === undefined ? {} : { runtime }) };
}

function short(value: number): string {
  return String(Number(value.toPrecision(3)));
}
