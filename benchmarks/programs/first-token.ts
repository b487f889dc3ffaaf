/** The whole of `safetune generate`, as it is published: from the start of its process to its end after one token. */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { print, settings, unavailable } from './lines.ts';

interface FirstTokenSettings {
  /** Checkpoint folder. */
  readonly directory: string;
  readonly cacheDirectory: string;
  readonly threads: number;
}

const { directory, cacheDirectory, threads } = settings<FirstTokenSettings>();
const command = join(import.meta.dirname, '../../packages/cli/dist/main.js');
if (!existsSync(command)) unavailable('the command is not built: npx -y pnpm@12 build');
if (!existsSync(join(directory, 'tokenizer.json')))
  unavailable('random weights have no tokenizer: test:real makes real ones');

/** Seconds of one run. */
function run(): number {
  const before = performance.now();
  execFileSync(
    process.execPath,
    [
      ...[command, 'generate', '--model', directory, '--prompt', 'How do I store passwords?'],
      ...['--max-tokens', '1', '--temperature', '0', '--threads', String(threads)],
    ],
    { env: { ...process.env, SAFETUNE_CACHE: join(cacheDirectory, 'converted') }, stdio: 'pipe' },
  );
  return (performance.now() - before) / 1000;
}

run();
print({ type: 'ready', seconds: run() });
