import { strictCommand } from '../command.ts';
import { interruptSignal } from '../interrupt.ts';
import { integerOption } from '../option-values.ts';
import { makeSigningKey } from '../service/make-signing-key.ts';
import {
  allowLongStop,
  serviceOptionDefinitions,
  servicePackage,
  serviceSettings,
} from '../service/service-options.ts';
import { whenAborted } from '../service/when-aborted.ts';
import { note } from '../terminal/output.ts';

/** `safetune worker`: does the jobs of a service whose servers are elsewhere, until it is stopped. */
export const workerCommand = strictCommand({
  name: 'worker',
  description:
    'Do jobs of a service beside its own workers: on this machine, or with --redis and --storage on any.',
  example: 'worker --policy ./policy.yaml --data ./worker --redis redis://queue:6379 --storage s3://bucket',
  options: {
    ...serviceOptionDefinitions,
    count: { type: 'string', valueHint: 'N', description: 'jobs at a time on this machine (default 1)' },
  },
  async run({ args }) {
    const count = integerOption('count', args.count) ?? 1;
    if (args['new-signing-key'] === true) return makeSigningKey(args.data);
    const { readPolicy, startWorkers } = await servicePackage();
    // Each worker reads it itself; what is wrong with it is said once, and here.
    await readPolicy(args.policy, { models: 'opened' });
    allowLongStop();
    const signal = interruptSignal();
    const workers = startWorkers(count, {
      settings: serviceSettings(args),
      onProblem: (problem) => note(`${problem}\n`),
    });
    note(`${count === 1 ? 'a worker takes' : `${count} workers take`} jobs\n`);
    await whenAborted(signal);
    await workers.close();
    note('stopped; what was being done goes on from its last state elsewhere\n');
  },
});
