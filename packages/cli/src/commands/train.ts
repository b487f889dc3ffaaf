import { join } from 'node:path';
import { parameterReport, parameterText } from '@safetune/lora';
import {
  openRun,
  type Run,
  RunDirectoryError,
  readRun,
  runtimeOf,
  type StepEvent,
  trainRun,
} from '@safetune/trainer';
import { strictCommand } from '../command.ts';
import { datasetFiles, namedModel } from '../hub-names.ts';
import { interruptSignal } from '../interrupt.ts';
import { tellPrecision } from '../precision-option.ts';
import { givenRunValues, runOptionDefinitions } from '../run-options.ts';
import { safeguardsHelp, safeguardsText } from '../safeguards.ts';
import { sentinelOptionDefinitions } from '../sentinel-option.ts';
import { refuseToOverwrite, requireSeparatePaths } from '../separate-paths.ts';
import { templateOptionDefinitions } from '../template-options.ts';
import { conversionLine } from '../terminal/conversion-line.ts';
import { formatDuration } from '../terminal/duration.ts';
import { memoryLine } from '../terminal/memory-line.ts';
import { note, print } from '../terminal/output.ts';
import { packingLine } from '../terminal/packing-line.ts';
import { printableName } from '../terminal/printable.ts';
import { bar, createProgressLine } from '../terminal/progress-line.ts';
import { runEndLine } from '../terminal/run-end-line.ts';
import { createSentinelLine } from '../terminal/sentinel-line.ts';
import { UsageError } from '../usage-error.ts';
import { commandVersions } from '../version.ts';
import { listenerOptionDefinitions, runListeners } from '../watch/run-listeners.ts';

/** `safetune train`: a LoRA fine-tune under regularizers, into a directory that Python peft loads. */
export const trainCommand = strictCommand({
  name: 'train',
  description: 'Fine-tune a LoRA adapter on chat examples, under safeguards.',
  example: 'train --model ./model --data chats.jsonl --regularizer kl=0.1 --out ./adapter',
  notes: safeguardsHelp,
  options: {
    config: {
      type: 'string',
      path: 'input',
      valueHint: 'FILE.yaml',
      description:
        'a run file with any of these options and all safeguards; what is given besides goes over it',
    },
    regularizer: {
      type: 'string',
      repeatable: true,
      valueHint: 'NAME=WEIGHT',
      description: 'a safeguard, such as kl=0.1; may be given several times',
    },
    regularizers: {
      type: 'string',
      path: 'input',
      valueHint: 'FILE.yaml',
      description: 'a list of safeguards with all their options',
    },
    ...sentinelOptionDefinitions,
    ...runOptionDefinitions,
    ...templateOptionDefinitions,
    ...listenerOptionDefinitions,
    'allow-changed': {
      type: 'boolean',
      description: 'train although something that the record in --config names has changed',
    },
    force: { type: 'boolean', description: 'write over what another run or program left in --out' },
  },
  async run({ args, rawArgs }) {
    const source = await readRun({
      ...(args.config === undefined ? {} : { file: args.config }),
      given: await givenRunValues(rawArgs),
    });
    const { run } = source;
    const out = await checkedOut(run, { config: args.config, force: args.force === true });
    const opened = await openRun(source, {
      resolve: namedModel,
      resolveData: datasetFiles,
      onConversion: conversionLine(run.precision),
    });
    const { model, adapter, examples } = opened;
    const safeguards = safeguardsText(opened.regularizers, opened.sentinel);
    const apart = opened.heldOut.length === 0 ? '' : ` (${opened.heldOut.length} more held out)`;
    if (opened.heldOutCopies > 0)
      note(
        `${opened.heldOutCopies} of the held-out examples are trained on too: their loss tells what is remembered\n`,
      );
    await tellPrecision(model, runtimeOf(run));
    const line = createProgressLine();
    const sentinel = createSentinelLine();
    const listeners = await runListeners(args);
    const leftOut = new Set<number>();
    let heldOut: number | undefined;
    const result = await trainRun(opened, {
      directory: out,
      overwrite: args.force === true,
      allowChanged: args['allow-changed'] === true,
      versions: commandVersions(),
      onSkipped: (example) => leftOut.add(example.origin?.line ?? 0),
      onDifferences: (differences) =>
        note(`this run is not the one that ${args.config} records: ${differences.join('; ')}\n`),
      signal: interruptSignal(),
      onEvent(event) {
        listeners.onEvent(event, `${run.model} on ${examples.length} examples${apart}; ${safeguards}`);
        if (event.type === 'evaluation') heldOut = event.loss;
        if (event.type === 'sentinel') {
          const warnings = sentinel.look(event);
          if (warnings.length > 0) line.end();
          for (const warning of warnings) note(`${printableName(warning)}\n`);
        }
        if (event.type === 'step') line.update(...stepParts(event, heldOut, sentinel.parts()));
        else if (event.type === 'start') {
          const resumed = event.done > 0 ? `, going on after step ${event.done}` : '';
          note(
            `training ${event.parameters.toLocaleString('en')} values of ${adapter.modules.length} modules on ` +
              `${examples.length} examples${apart}, ${event.steps} steps, run ${event.memory}${resumed}; ${safeguards}\n`,
          );
          note(`${parameterText(parameterReport(adapter, model))}\n`);
          if (event.plan !== undefined) note(`${memoryLine(event.plan)}\n`);
          if (event.packing !== undefined) note(`${packingLine(event.packing)}\n`);
        }
      },
    })
      .catch(async (error: unknown) => {
        await listeners.end(error instanceof Error ? error.message : String(error));
        return withForce(error);
      })
      .finally(() => line.end());
    if (leftOut.size > 0) {
      note(
        `${leftOut.size} examples were left out, because all their responses lie behind --seq-length: ` +
          `lines ${[...leftOut].sort((a, b) => a - b).join(', ')}\n`,
      );
    }
    const loss = result.last === undefined ? '' : `, last loss ${result.last.loss.toFixed(4)}`;
    const best =
      result.best === undefined
        ? ''
        : `, smallest held-out loss ${result.best.loss.toFixed(4)} after step ${result.best.step}`;
    const early = result.ended === undefined ? undefined : runEndLine(result.ended);
    const done = `${result.steps} steps done${loss}${best}`;
    await listeners.end(early === undefined ? done : `${done}; ${early}`);
    print(`${done}; adapter in ${out}\n`);
    if (early !== undefined) note(`${early}\n`);
  },
});

/** The folder that a run writes, which must be nothing that it reads, nor a model's. @throws UsageError */
async function checkedOut(
  { model, data, evaluation, out }: Run,
  { config, force }: { readonly config: string | undefined; readonly force: boolean },
): Promise<string> {
  if (out === undefined) throw new UsageError(`${config} names no 'out'; give --out DIR`);
  const inputs = [
    { name: 'model', path: model },
    ...pathsOf(data).map((path) => ({ name: 'data', path })),
    ...pathsOf(evaluation.data ?? []).map((path) => ({ name: 'evaluation-data', path })),
  ];
  await requireSeparatePaths(inputs, [{ name: 'out', path: out }]);
  await refuseToOverwrite(join(out, 'config.json'), {
    force,
    holds: "--out is a model's checkpoint folder",
  });
  return out;
}

function pathsOf(data: Run['data'] | []): string[] {
  return [data].flat().map((source) => (typeof source === 'string' ? source : source.path));
}

/** The parts of a step's line, the most important first, for terminals where not all fit. */
function stepParts(event: StepEvent, heldOut: number | undefined, watched: readonly string[]): string[] {
  return [
    `${bar(event.step, event.steps)}${event.step}/${event.steps}`,
    `loss ${event.loss.toFixed(4)}`,
    ...watched,
    ...(heldOut === undefined ? [] : [`held-out ${heldOut.toFixed(4)}`]),
    `${formatDuration(event.secondsLeft)} left`,
    ...(event.taskLoss === undefined ? [] : [`task loss ${event.taskLoss.toFixed(4)}`]),
    ...Object.entries(event.penalties).map(([name, value]) => `${name} ${value.toPrecision(3)}`),
    ...Object.entries(event.pairs ?? {}).flatMap(([name, value]) =>
      name === 'margin' || name === 'accuracy' ? [`${name} ${value.toPrecision(3)}`] : [],
    ),
    `cross-entropy ${event.crossEntropy.toFixed(4)}`,
    `${Math.round(event.tokensPerSecond)} tokens/s`,
  ];
}

/** The refusal of a finished adapter, with this command's option. */
function withForce(error: unknown): never {
  if (!RunDirectoryError.isInstance(error) || error.problem !== 'finished') throw error;
  throw new UsageError(
    `${error.directory} holds an adapter of a finished run. Write to another place, or replace it with --force`,
  );
}
