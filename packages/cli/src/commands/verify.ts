import { elsewhereTolerance, type Verification, verifyRun } from '@safetune/trainer';
import { strictCommand } from '../command.ts';
import { namedModel } from '../hub-names.ts';
import { givenValues, integerOption, numberOption } from '../option-values.ts';
import { conversionLine } from '../terminal/conversion-line.ts';
import { note, print } from '../terminal/output.ts';
import { printableName } from '../terminal/printable.ts';
import { bar, createProgressLine } from '../terminal/progress-line.ts';
import { UsageError } from '../usage-error.ts';
import { hasManifest, verifyModel } from '../verify/verify-model.ts';

/** `safetune verify`: whether a run does again what its folder says it did, or a service's model is what was signed. */
export const verifyCommand = strictCommand({
  name: 'verify',
  description:
    'Run steps of a finished or interrupted run again, and compare them with what it wrote down, at its end also its adapter. ' +
    "A service's model is verified by its signed manifest instead (--public-key).",
  example: 'verify ./adapter',
  positional: 'run',
  options: {
    run: {
      type: 'string',
      path: 'input',
      required: true,
      valueHint: 'DIR',
      description:
        'the folder that train wrote, with its run.yaml and metrics.jsonl; or that of a model which a service made, with its manifest.json',
    },
    'public-key': {
      type: 'string',
      path: 'input',
      repeatable: true,
      valueHint: 'FILE',
      description: "of a service's model: the provider's public key (PEM), or a folder of them",
    },
    base: {
      type: 'string',
      path: 'input',
      valueHint: 'DIR',
      description: 'with --public-key: compare the base model with the one that was trained on',
    },
    data: {
      type: 'string',
      path: 'input',
      valueHint: 'FILE',
      description: 'with --public-key: compare the training file with the one that was trained on',
    },
    steps: {
      type: 'string',
      valueHint: 'N',
      description: 'steps to run again (default 3), or all, and then the adapter is compared too',
    },
    'from-step': {
      type: 'string',
      valueHint: 'N',
      description:
        'begin with the state that was kept after this step (--keep-checkpoints), not with the first step',
    },
    tolerance: {
      type: 'string',
      valueHint: 'X',
      description:
        'relative difference of a metric that counts as equal (default 0 on the machine and with the versions of the run, ' +
        `else ${elsewhereTolerance})`,
    },
  },
  async run({ args, rawArgs }) {
    const evidence = {
      publicKeys: givenValues('public-key', rawArgs),
      base: args.base,
      data: args.data,
    };
    if (hasManifest(args.run, evidence)) {
      const idle = (['steps', 'from-step', 'tolerance'] as const).find((name) => args[name] !== undefined);
      if (idle !== undefined)
        throw new UsageError(`--${idle} repeats a run, --public-key verifies a manifest`);
      return verifyModel(args.run, evidence);
    }
    const steps = args.steps === 'all' ? 'all' : integerOption('steps', args.steps);
    const [fromStep, tolerance] = [
      integerOption('from-step', args['from-step']),
      numberOption('tolerance', args.tolerance),
    ];
    const line = createProgressLine();
    const found = await verifyRun(args.run, {
      resolve: namedModel,
      onConversion: conversionLine('weights'),
      ...(steps === undefined ? {} : { steps }),
      ...(fromStep === undefined ? {} : { fromStep }),
      ...(tolerance === undefined ? {} : { tolerance }),
      onEvent(event) {
        if (event.type !== 'step') return;
        const before = fromStep ?? 0;
        const all = steps === 'all' ? event.steps - before : (steps ?? 3);
        line.update(`${bar(event.step - before, all)}step ${event.step} again`);
      },
    }).finally(() => line.end());
    if (found.surroundings.length > 0) note(`not as it was: ${found.surroundings.join('; ')}\n`);
    if (!found.isSame)
      throw new Error(`${args.run} is not what its run gives again: ${differencesText(found)}`);
    const precisely =
      found.tolerance === 0 ? 'to the last digit' : `within ${found.tolerance} of each metric`;
    const which = fromStep === undefined ? '' : ` (${found.from} to ${found.to})`;
    print(
      `${args.run}: ${found.steps} steps${which} again are as they were, ${precisely}${adapterText(found)}\n`,
    );
    if (steps === 'all' && found.adapter === undefined)
      note('the adapter was not compared: the run is not over, or it was cut short\n');
  },
});

function adapterText({ adapter }: Verification): string {
  if (adapter === undefined) return '';
  if (adapter.isSame) return '; its adapter too, byte for byte';
  return `; its adapter is near: ${adapter.differences.join('; ')}`;
}

function differencesText({ differences, tolerance, adapter }: Verification): string {
  const told = differences
    .slice(0, 5)
    .map(
      ({ step, metric, recorded, replayed }) =>
        `step ${step} ${printableName(metric)} ${valueText(recorded)} then, ${valueText(replayed)} now`,
    );
  const more = differences.length - told.length;
  const others = [
    ...(more > 0 ? [`and ${more} more`] : []),
    ...(adapter === undefined || adapter.isSame ? [] : [adapter.differences.join('; ')]),
  ];
  return `${[...told, ...others].join('; ')} (tolerance ${tolerance})`;
}

function valueText(value: unknown): string {
  return value === undefined ? 'nothing' : printableName(String(value));
}
