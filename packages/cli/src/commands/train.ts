import { join } from 'node:path';
import { hiddenParts, loadChatJsonl, supervisions } from '@safetune/datasets';
import { createLoraAdapterFor, parameterReport, parameterText } from '@safetune/lora';
import { loadModel, loadTokenizer } from '@safetune/models';
import { type MemoryMode, RunDirectoryError, type StepEvent, trainIntoDirectory } from '@safetune/trainer';
import { adapterConfigOf, adapterOptionDefinitions } from '../adapter-options.ts';
import { strictCommand } from '../command.ts';
import { modelOption, namedModel } from '../hub-names.ts';
import { interruptSignal } from '../interrupt.ts';
import { choiceOption, integerOption, numberOption, repeatedOption } from '../option-values.ts';
import { modelOptions, precisionOption, tellPrecision } from '../precision-option.ts';
import { runtimeOptionDefinitions, runtimeOptions } from '../runtime-options.ts';
import { safeguardsHelp, safeguardsOf, safeguardsText } from '../safeguards.ts';
import { refuseToOverwrite } from '../separate-paths.ts';
import { templateOptionDefinitions, templateOptions } from '../template-options.ts';
import { formatDuration } from '../terminal/duration.ts';
import { memoryLine } from '../terminal/memory-line.ts';
import { note, print } from '../terminal/output.ts';
import { bar, createProgressLine } from '../terminal/progress-line.ts';
import { UsageError } from '../usage-error.ts';

/** `safetune train`: a LoRA fine-tune under regularizers, into a directory that Python peft loads. */
export const trainCommand = strictCommand({
  name: 'train',
  description: 'Fine-tune a LoRA adapter on chat examples, under safeguards.',
  example: 'train --model ./model --data chats.jsonl --regularizer kl=0.1 --out ./adapter',
  notes: safeguardsHelp,
  options: {
    model: modelOption,
    precision: precisionOption,
    ...runtimeOptionDefinitions,
    ...templateOptionDefinitions,
    data: {
      type: 'string',
      path: 'input',
      required: true,
      valueHint: 'FILE.jsonl',
      description: 'chat examples, one {"messages": [...]} a line',
    },
    out: {
      type: 'string',
      path: 'output',
      required: true,
      valueHint: 'DIR',
      description:
        'folder for the adapter, metrics.jsonl and checkpoints; an interrupted run continues there',
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
    steps: { type: 'string', valueHint: 'N', description: 'optimizer steps (default: one epoch)' },
    epochs: {
      type: 'string',
      valueHint: 'N',
      description: 'walks over the data, when --steps is not given (default 1)',
    },
    'batch-size': { type: 'string', valueHint: 'N', description: 'examples of one forward pass (default 4)' },
    accumulate: { type: 'string', valueHint: 'N', description: 'batches of one optimizer step (default 1)' },
    'seq-length': {
      type: 'string',
      valueHint: 'N',
      description: 'longer examples are cut here, in tokens (default 2048)',
    },
    supervise: {
      type: 'string',
      valueHint: 'WHAT',
      description: `what is learned: ${supervisions.join(', ')} (default responses: what the assistant says)`,
    },
    'allow-hidden': {
      type: 'string',
      repeatable: true,
      valueHint: 'WHAT',
      description: `what of the data the chat template may leave out: ${hiddenParts.join(', ')}`,
    },
    ...adapterOptionDefinitions,
    lr: { type: 'string', valueHint: 'X', description: 'peak learning rate (default 1e-4)' },
    warmup: {
      type: 'string',
      valueHint: 'N',
      description: 'warm-up steps (default 5; in runs of fewer than 10 steps half of them)',
    },
    seed: {
      type: 'string',
      valueHint: 'N',
      description: "decides the adapter's start and the order of the data (default 0)",
    },
    memory: {
      type: 'string',
      valueHint: 'MODE',
      description:
        'how steps are run, from the fastest to the one of least memory: whole, recompute, layered or streamed ' +
        '(default: the fastest that fits)',
    },
    'memory-limit': {
      type: 'string',
      valueHint: 'GB',
      description: 'memory that the process may have (default: nine tenths of what is free)',
    },
    force: { type: 'boolean', description: 'write over what another run or program left in --out' },
    'checkpoint-every': {
      type: 'string',
      valueHint: 'N',
      description: 'steps between two checkpoints (default 50)',
    },
  },
  async run({ args, rawArgs }) {
    const steps = integerOption('steps', args.steps);
    const warmupSteps = integerOption('warmup', args.warmup, 0);
    const seed = integerOption('seed', args.seed, 0) ?? 0;
    const runtime = runtimeOptions(args);
    const memoryLimit = numberOption('memory-limit', args['memory-limit']);
    const adapterConfig = adapterConfigOf(args);
    const regularizers = await safeguardsOf(args.regularizers, rawArgs);
    const supervise = choiceOption('supervise', args.supervise, supervisions);
    const allowHidden = repeatedOption('allow-hidden', rawArgs).map(
      (part) => choiceOption('allow-hidden', part, hiddenParts)!,
    );
    const force = args.force === true;
    await refuseToOverwrite(join(args.out, 'config.json'), {
      force,
      holds: "--out is a model's checkpoint folder",
    });
    const examples = await loadChatJsonl(args.data);
    const { path: folder, hub } = await namedModel(args.model);
    const tokenizer = await loadTokenizer(folder, templateOptions(rawArgs));
    const model = await loadModel(folder, modelOptions(args.precision));
    await tellPrecision(model, runtime);
    const adapter = await createLoraAdapterFor(
      model,
      { ...adapterConfig, base_model_name_or_path: hub?.name ?? args.model, revision: hub?.commit ?? null },
      { seed },
    );
    const line = createProgressLine();
    const leftOut = new Set<number>();
    const result = await trainIntoDirectory({
      model,
      tokenizer,
      adapter,
      examples,
      regularizers,
      directory: args.out,
      overwrite: force,
      seed,
      learningRate: {
        peak: numberOption('lr', args.lr) ?? 1e-4,
        ...(warmupSteps === undefined ? {} : { warmupSteps }),
      },
      batchSize: integerOption('batch-size', args['batch-size']) ?? 4,
      gradientAccumulation: integerOption('accumulate', args.accumulate) ?? 1,
      tokenize: {
        maxLength: integerOption('seq-length', args['seq-length'], 2) ?? 2048,
        onTooLong: 'truncate-or-skip',
        ...(supervise === undefined ? {} : { supervise }),
        ...(allowHidden.length === 0 ? {} : { allowHidden }),
        onSkipped: (example) => leftOut.add(example.origin?.line ?? 0),
      },
      epochs: integerOption('epochs', args.epochs) ?? 1,
      ...(steps === undefined ? {} : { steps }),
      runtime,
      ...(args.memory === undefined ? {} : { memory: args.memory as MemoryMode }),
      ...(memoryLimit === undefined ? {} : { memoryLimit: memoryLimit * 1e9 }),
      checkpointEverySteps: integerOption('checkpoint-every', args['checkpoint-every']) ?? 50,
      signal: interruptSignal(),
      onEvent(event) {
        if (event.type === 'step') line.update(...stepParts(event));
        else if (event.type === 'start') {
          const resumed = event.done > 0 ? `, going on after step ${event.done}` : '';
          note(
            `training ${event.parameters.toLocaleString('en')} values of ${adapter.modules.length} modules on ` +
              `${examples.length} examples, ${event.steps} steps, run ${event.memory}${resumed}; ${safeguardsText(regularizers)}\n`,
          );
          note(`${parameterText(parameterReport(adapter, model))}\n`);
          if (event.plan !== undefined) note(`${memoryLine(event.plan)}\n`);
        }
      },
    })
      .catch(withForce)
      .finally(() => line.end());
    if (leftOut.size > 0) {
      note(
        `${leftOut.size} examples were left out, because all their responses lie behind --seq-length: ` +
          `lines ${[...leftOut].sort((a, b) => a - b).join(', ')}\n`,
      );
    }
    const loss = result.last === undefined ? '' : `, last loss ${result.last.loss.toFixed(4)}`;
    print(`${result.steps} steps done${loss}; adapter in ${args.out}\n`);
  },
});

/** The parts of a step's line, the most important first, for terminals where not all fit. */
function stepParts(event: StepEvent): string[] {
  return [
    `${bar(event.step, event.steps)}${event.step}/${event.steps}`,
    `loss ${event.loss.toFixed(4)}`,
    `${formatDuration(event.secondsLeft)} left`,
    ...Object.entries(event.penalties).map(([name, value]) => `${name} ${value.toPrecision(3)}`),
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
