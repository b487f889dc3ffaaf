import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { type DefenseSweep, standardDefenses } from '@safetune/organism';

export interface DemoOptions {
  readonly full: boolean;
  /** The defenses to measure. */
  readonly chosen: readonly DefenseSweep[];
  /** Strengths of each of them. */
  readonly strengths: readonly (readonly (number | null)[])[];
  readonly seeds: readonly number[];
  /** Where results go. */
  readonly directory: string;
  /** Where grown models are kept; undefined for SafeTune's cache directory. */
  readonly cache: string | undefined;
}

const help = `Grows a tiny model in which emergent misalignment happens, and measures the defenses against it.

  --full           three seeds, and each defense over its strengths (about half an hour of one core)
  --defense NAME   only this one, next to none: ${standardDefenses.map(({ name }) => name).join(', ')}
  --seed N         first seed of the fine-tunes (default 0)
  --out DIR        where report.json, report.html, adapters/ and checkpoints/ go (default out/demo)
  --cache DIR      where the grown model is kept (default: SafeTune's cache directory)
  --help           this text
`;

/** Reads the command line. Prints the help and ends the process when asked to, or when it cannot be understood. */
export function readDemoOptions(): DemoOptions {
  try {
    const options = parse();
    if (options !== undefined) return options;
    process.stdout.write(help);
    process.exit(0);
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n\n${help}`);
    process.exit(2);
  }
}

function parse(): DemoOptions | undefined {
  const { values } = parseArgs({
    options: {
      full: { type: 'boolean', default: false },
      defense: { type: 'string' },
      seed: { type: 'string', default: '0' },
      out: { type: 'string', default: join('out', 'demo') },
      cache: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return undefined;
  const { full, defense } = values;
  const chosen = standardDefenses.filter(({ name }) => defense === undefined || name === defense);
  if (chosen.length === 0) throw new Error(`there is no defense '${defense}'`);
  const seed = Number(values.seed);
  if (!Number.isSafeInteger(seed) || seed < 0)
    throw new Error(`the seed '${values.seed}' is not a whole number from 0`);
  return {
    full,
    chosen,
    // A variant without main strengths is measured only when it is asked for.
    strengths: chosen.map(({ main, strengths }) =>
      full || (main.length === 0 && defense !== undefined) ? strengths : main,
    ),
    seeds: full ? [seed, seed + 1, seed + 2] : [seed],
    directory: resolve(values.out),
    cache: values.cache === undefined ? undefined : resolve(values.cache),
  };
}
