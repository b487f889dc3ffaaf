/**
 * A fine-tuning service whose processes are killed as `kill -9` does, at moments that a seed decides, while two customers keep it busy: no
 * job is lost, none runs twice at once, and every model is that of a service nobody disturbed, byte for byte.
 *
 *     npx -y pnpm@12 serve:chaos [--kills 30] [--seed N] [--redis] [--quiet]
 */
import { parseArgs } from 'node:util';
import { runChaos } from '../packages/server/src/service/testing/chaos.ts';

const { values } = parseArgs({
  options: {
    kills: { type: 'string', default: '30' },
    seed: { type: 'string', default: '1' },
    redis: { type: 'boolean', default: false },
    quiet: { type: 'boolean', default: false },
  },
});
const { kills, jobs, furtherAttempts, seconds, damage } = await runChaos({
  kills: Number(values.kills),
  seed: Number(values.seed),
  redis: values.redis,
  ...(!values.quiet && { log: (line) => process.stderr.write(line) }),
});
const told = Object.entries(kills).map(([kind, count]) => `${kind} ${count}`);
for (const sentence of damage) console.error(sentence);
console.log(
  `killed: ${told.join(', ')}; ${jobs} jobs, ${furtherAttempts} further attempts, ${seconds.toFixed(0)} s; ${
    damage.length === 0
      ? 'nothing is lost, double or different'
      : `${damage.length} things are not as they should be`
  }`,
);
process.exitCode = damage.length === 0 ? 0 : 1;
