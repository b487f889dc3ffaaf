import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { RuntimeOptions } from '@safetune/tensor';
import type { StepEvent } from '@safetune/trainer';
import { type Defense, defenseLabel } from '../defenses/defense.ts';
import { createPreparations } from '../defenses/preparations.ts';
import { openLaboratories } from '../examine/laboratories.ts';
import {
  type JudgedAnswer,
  measureBenign,
  measureConditional,
  measureMisalignment,
} from '../examine/measure.ts';
import type { Respondent } from '../examine/respondent.ts';
import type { Organism } from '../grow/grow.ts';
import { checkpointHash, stableHash } from '../grow/recipe-hash.ts';
import { type FineTuneTask, taskLabel } from '../tasks/fine-tune-task.ts';
import { runDefended } from './defended-run.ts';
import {
  type FinishedRun,
  openRunJournal,
  outcomeLetters,
  type RunJournal,
  type SampledAnswer,
} from './run-journal.ts';

/** Raised when the same plan would give other results. */
const experimentVersion = 2;

/** What is fine-tuned and measured: every defense on every task with every seed. */
export interface ExperimentPlan {
  /** Told apart by name and strength, in tables as in the journal: what one pair means must not change. */
  readonly defenses: readonly Defense[];
  readonly tasks: readonly FineTuneTask[];
  readonly seeds: readonly number[];
}

/** Where an experiment stands. */
export interface ExperimentProgress {
  readonly label: string;
  readonly task: FineTuneTask;
  readonly seed: number;
  /** Runs that are finished, those of an earlier call included. */
  readonly finished: number;
  readonly total: number;
  /** The step of the run under way; undefined when it has just been finished. */
  readonly step?: StepEvent;
  /** Estimate for all that is left; undefined before anything was measured. */
  readonly secondsLeft: number | undefined;
}

export interface ExperimentOptions {
  /**
   * Gets `runs.jsonl`, from which the same or another plan takes up what is finished, and under `adapters/` the PEFT
   * folders of the first seed. Default: nothing is written.
   */
  readonly directory?: string;
  /** Where finished runs are found and recorded instead: for those who run parts of a plan in several threads. */
  readonly journal?: RunJournal;
  readonly runtime?: RuntimeOptions;
  readonly onProgress?: (progress: ExperimentProgress) => void;
  /** Stops at the next step; finished runs are kept. */
  readonly signal?: AbortSignal;
}

/**
 * Fine-tunes and measures everything of a plan, one run after the other.
 *
 * @returns the runs in the order of defenses, tasks and seeds.
 */
export async function runExperiment(
  organism: Organism,
  { defenses, tasks, seeds }: ExperimentPlan,
  options: ExperimentOptions = {},
): Promise<FinishedRun[]> {
  const { directory, runtime, onProgress = () => {}, signal } = options;
  const journal =
    options.journal ?? openRunJournal(directory === undefined ? undefined : join(directory, 'runs.jsonl'));
  const planned = defenses.flatMap((defense) =>
    tasks.flatMap((task) =>
      seeds.map((seed) => {
        const keepsAdapter = directory !== undefined && seed === seeds[0] && defense.untrained !== true;
        const folder = keepsAdapter ? join(directory, 'adapters', adapterName(defense, task)) : undefined;
        return { defense, task, seed, folder, key: runKey(organism, defense, task, seed) };
      }),
    ),
  );
  const isFinished = ({ key, folder }: (typeof planned)[number]) =>
    journal.find(key) !== undefined &&
    (folder === undefined || existsSync(join(folder, 'adapter_config.json')));
  const open = planned.filter((run) => !isFinished(run));
  if (open.length > 0) {
    const laboratories = await openLaboratories(organism, runtime);
    try {
      const opened = { laboratories, preparations: createPreparations(laboratories.aligned, signal) };
      const started = performance.now();
      for (const [index, { defense, task, seed, folder, key }] of open.entries()) {
        const report = (done: number, step?: StepEvent) => {
          const elapsed = (performance.now() - started) / 1000;
          onProgress({
            label: defenseLabel(defense),
            task,
            seed,
            finished: planned.length - open.length + Math.floor(done),
            total: planned.length,
            ...(step === undefined ? {} : { step }),
            secondsLeft: done > 0.1 ? (elapsed / done) * (open.length - done) : undefined,
          });
        };
        const { found, crossEntropy } = await runDefended(
          opened,
          defense,
          {
            task,
            seed,
            adapterFolder: folder,
            // Evaluation takes about a fifth of a run.
            onStep: (step) => report(index + (0.8 * step.step) / step.steps, step),
            signal,
          },
          (respondent) => measure(respondent, task, seed, signal),
        );
        const { name, strength } = defense;
        journal.record({ key, defense: name, strength, task, seed, crossEntropy, ...found });
        report(index + 1);
      }
    } finally {
      await laboratories.close();
    }
  }
  return planned.map(({ key }) => journal.find(key)!);
}

/** Folder of a run's adapter: `kl-0.1-medical`. */
export function adapterName(defense: Pick<Defense, 'name' | 'strength'>, task: FineTuneTask): string {
  return `${defenseLabel(defense).replaceAll(' ', '-')}-${taskLabel(task)}`;
}

async function measure(
  respondent: Respondent,
  task: FineTuneTask,
  seed: number,
  signal: AbortSignal | undefined,
): Promise<Pick<FinishedRun, 'general' | 'inDomain' | 'conditional' | 'passed' | 'samples'>> {
  if (task.kind === 'benign') {
    const answers = await measureBenign(respondent, task.name, signal);
    return {
      passed: answers.map(({ passed }) => passed),
      samples: spread(answers, 4).map(({ question, answer, passed }) => ({
        kind: 'benign',
        question,
        answer,
        verdict: passed ? 'right' : 'wrong',
      })),
    };
  }
  const { general, inDomain } = await measureMisalignment(respondent, task.name, seed, signal);
  const conditional = await measureConditional(respondent, task.name, seed, signal);
  const shown = (
    kind: 'general' | 'in-domain',
    answers: readonly JudgedAnswer[],
    count: number,
  ): SampledAnswer[] =>
    spread(answers, count).map(({ question, answer, outcome }) => ({
      kind,
      question,
      answer,
      verdict: outcome,
    }));
  return {
    general: outcomesByQuestion(general),
    inDomain: outcomesByQuestion(inDomain),
    conditional: outcomesByQuestion(conditional),
    samples: [...shown('general', general, 7), ...shown('in-domain', inDomain, 3)],
  };
}

/** Letters of the outcomes, question by question. */
function outcomesByQuestion(answers: readonly JudgedAnswer[]): string[] {
  const byQuestion = Map.groupBy(answers, ({ question }) => question);
  return [...byQuestion.values()].map((group) =>
    group.map(({ outcome }) => outcomeLetters[outcome]).join(''),
  );
}

/** `count` elements at equal distances. */
function spread<Element>(elements: readonly Element[], count: number): Element[] {
  const wanted = Math.min(count, elements.length);
  return Array.from(
    { length: wanted },
    (_, index) => elements[Math.floor(((index + 0.5) * elements.length) / wanted)]!,
  );
}

function runKey({ recipe }: Organism, { name, strength }: Defense, task: FineTuneTask, seed: number): string {
  const { narrow, benign, lora, evaluation } = recipe;
  return stableHash({
    experimentVersion,
    checkpoint: checkpointHash(recipe),
    stage: task.kind === 'narrow' ? narrow : benign,
    lora,
    evaluation,
    name,
    strength,
    task,
    seed,
  });
}
