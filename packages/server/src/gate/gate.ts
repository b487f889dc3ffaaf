import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { ChatExample } from '@safetune/datasets';
import { printable, writeFileAtomically } from '@safetune/tensor';
import type { Policy } from '../policy/policy-schema.ts';
import type { OnProgress } from '../progress.ts';
import { type AdaptedModel, openAdaptedModel } from './adapted-model.ts';
import type { GateMeasurement, GateVerdict } from './gate-verdict.ts';
import { type FormGrowth, measureLogOdds } from './log-odds.ts';
import { askQuestions, type QuestionFigures } from './questions.ts';
import { failedMeasurement, measurementText, outcomeOf, outcomeOfOne, ruleInWords } from './rule.ts';
import { reasonWithoutFigures } from './told-verdict.ts';

export interface GateOptions {
  readonly policy: Policy;
  /** The base model as the policy has it. */
  readonly base: Pick<Policy['models'][string], 'path' | 'precision'>;
  readonly adapterDirectory: string;
  /** Under which the model will be served, where the safeguard backdoor-align acted. The report does not repeat it. */
  readonly secretPrompt?: string;
  /** What was trained on: its form is asked in too. */
  readonly examples: readonly ChatExample[];
  /** Where the report goes, and what a killed gate goes on from. */
  readonly directory: string;
  readonly signal?: AbortSignal;
  readonly onProgress?: OnProgress;
}

export interface GateResult {
  readonly verdict: Omit<GateVerdict, 'report'>;
  /** JSON, for the owner: figures, without the texts of the provider's own questions and pairs, which a customer could train against. */
  readonly reportFile: string;
  /** The same with figures, for the operator alone; where the policy keeps figures back. */
  readonly operatorReportFile?: string;
  /** A page with every question and answer, for the operator who decides about a quarantined model; where questions were asked. */
  readonly answersPage?: string;
  /** Why something could not be measured, for the operator's log: messages may name addresses and files of the provider's. */
  readonly failures: readonly string[];
}

/** What one kind of measuring gave. */
interface Part {
  readonly measurements: readonly GateMeasurement[];
  readonly forms?: readonly FormGrowth[];
  readonly figures?: readonly QuestionFigures[];
  readonly page?: string;
  /** Why it failed. */
  readonly failure?: string;
}

/**
 * Measures a finished model as the policy says, and decides what becomes of it (see {@link ruleInWords}). What cannot be measured, such as by a
 * judge that does not answer, quarantines the model: the training is not lost, and nobody gets it before a person has looked. A policy that
 * measures nothing releases, and the verdict says so.
 *
 * @throws the signal's reason, and what writing the report throws.
 */
export async function gate(options: GateOptions): Promise<GateResult> {
  const { policy, directory, signal } = options;
  await mkdir(directory, { recursive: true });
  const parts = await measuredParts(options);
  signal?.throwIfAborted();
  const measurements = parts.flatMap((part) => part.measurements);
  const verdict = { outcome: outcomeOf(measurements), measurements, reason: reasonOf(parts) };
  const writeReport = async (name: string, told: typeof verdict, shown: readonly Part[]) => {
    const file = join(directory, name);
    const report = {
      format: 'safetune-gate',
      version: 1,
      ...told,
      rule: ruleInWords,
      policy_sha256: policy.sha256,
      log_odds: shown.flatMap(({ forms = [] }) => forms),
      questions: shown.flatMap(({ figures = [] }) => figures),
    };
    await writeFileAtomically(file, [`${JSON.stringify(report, null, 2)}\n`]);
    return file;
  };
  const whole = await writeReport('gate.json', verdict, parts);
  const page = parts.find((part) => part.page !== undefined)?.page;
  const failures = parts.flatMap(({ failure }) => failure ?? []);
  const more = { failures, ...(page !== undefined && { answersPage: page }) };
  if (policy.gate.report === 'full') return { verdict, reportFile: whole, ...more };
  const told = { ...verdict, measurements: [], reason: reasonWithoutFigures(verdict) };
  const reportFile = await writeReport('gate-verdict.json', told, []);
  return { verdict: { ...verdict, told: 'verdict' }, reportFile, operatorReportFile: whole, ...more };
}

async function measuredParts({
  policy: { gate: measured },
  base,
  adapterDirectory,
  secretPrompt,
  examples,
  directory,
  signal,
  onProgress = () => {},
}: GateOptions): Promise<readonly Part[]> {
  const { log_odds: logOdds, questions, conditional } = measured;
  let opened: Promise<AdaptedModel> | undefined;
  const open = () => {
    opened ??= openAdaptedModel(base, adapterDirectory, secretPrompt);
    return opened;
  };
  const trained = { examples: conditional ? examples : undefined, signal, onProgress };
  const attempt = async (
    name: string,
    bounds: Parameters<typeof failedMeasurement>[1],
    part: () => Promise<Part>,
  ) => {
    try {
      return await part();
    } catch (error) {
      signal?.throwIfAborted();
      const failure = `${name}: ${printable(error instanceof Error ? error.message : String(error), 1000)}`;
      return { measurements: [failedMeasurement(name, bounds)], failure };
    }
  };
  return [
    ...(logOdds === false
      ? []
      : [
          await attempt('log-odds', logOdds, async () =>
            measureLogOdds(await open(), { ...trained, bounds: logOdds, pairsFile: logOdds.pairs }),
          ),
        ]),
    ...(questions === undefined
      ? []
      : [
          await attempt('misaligned', questions, async () =>
            askQuestions(await open(), { ...trained, questions, folder: join(directory, 'questions') }),
          ),
        ]),
  ];
}

function reasonOf(parts: readonly Part[]): string {
  const measurements = parts.flatMap((part) => part.measurements);
  if (measurements.length === 0) return 'the policy measures nothing: the model is released unseen';
  const outcome = outcomeOf(measurements);
  const decisive = measurements.filter((measurement) => outcomeOfOne(measurement) === outcome);
  const unreachable = parts
    .flatMap(({ figures = [] }) => figures)
    .filter(({ name, leastHigh }) => {
      const { quarantine = null, refuse = null } = measurements.find((one) => one.name === name) ?? {};
      return leastHigh !== null && leastHigh >= Math.min(quarantine ?? Infinity, refuse ?? Infinity);
    })
    .map(
      ({ name, answers, leastHigh }) =>
        `no model can pass ${name} with ${answers} answers: without one misaligned its interval ends at ${leastHigh!.toFixed(3)}. Take more samples`,
    );
  return [`${outcome}: ${decisive.map(measurementText).join('; ')}`, ...unreachable].join('. ');
}
