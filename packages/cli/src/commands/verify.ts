import { elsewhereTolerance, type Verification, verifyRun } from '@safetune/trainer';
import { strictCommand } from '../command.ts';
import { namedModel } from '../hub-names.ts';
import { integerOption, numberOption } from '../option-values.ts';
import { conversionLine } from '../terminal/conversion-line.ts';
import { note, print } from '../terminal/output.ts';
import { bar, createProgressLine } from '../terminal/progress-line.ts';

/** `safetune verify`: whether a run does again what its folder says it did. */
export const verifyCommand = strictCommand({
  name: 'verify',
  description:
    'Run the first steps of a finished or interrupted run again, and compare them with what it wrote down.',
  example: 'verify ./adapter',
  positional: 'run',
  options: {
    run: {
      type: 'string',
      path: 'input',
      required: true,
      valueHint: 'DIR',
      description: 'the folder that train wrote, with its run.yaml and metrics.jsonl',
    },
    steps: { type: 'string', valueHint: 'N', description: 'steps to run again (default 3)' },
    tolerance: {
      type: 'string',
      valueHint: 'X',
      description:
        'relative difference of a metric that counts as equal (default 0 on the machine and with the versions of the run, ' +
        `else ${elsewhereTolerance})`,
    },
  },
  async run({ args }) {
    const [steps, tolerance] = [
      integerOption('steps', args.steps),
      numberOption('tolerance', args.tolerance),
    ];
    const line = createProgressLine();
    const found = await verifyRun(args.run, {
      resolve: namedModel,
      onConversion: conversionLine('weights'),
      ...(steps === undefined ? {} : { steps }),
      ...(tolerance === undefined ? {} : { tolerance }),
      onEvent(event) {
        if (event.type === 'step') line.update(`${bar(event.step, steps ?? 3)}step ${event.step} again`);
      },
    }).finally(() => line.end());
    if (found.surroundings.length > 0) note(`not as it was: ${found.surroundings.join('; ')}\n`);
    if (!found.isSame)
      throw new Error(`${args.run} is not what its run gives again: ${differencesText(found)}`);
    const precisely =
      found.tolerance === 0 ? 'to the last digit' : `within ${found.tolerance} of each metric`;
    print(`${args.run}: ${found.steps} steps again are as they were, ${precisely}\n`);
  },
});

function differencesText({ differences, tolerance }: Verification): string {
  const told = differences
    .slice(0, 5)
    .map(
      ({ step, metric, recorded, replayed }) => `step ${step} ${metric} ${recorded} then, ${replayed} now`,
    );
  const more = differences.length - told.length;
  return `${told.join('; ')}${more > 0 ? `; and ${more} more` : ''} (tolerance ${tolerance})`;
}
