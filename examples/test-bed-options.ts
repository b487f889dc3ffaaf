import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { type DefenseSweep, standardDefenses } from '@safetune/organism';

/** What the commands of the test bed are told. */
export interface TestBedOptions {
  /** A number given by the command's own option, or its default. */
  readonly count: number;
  /** Standard defenses, each with the strengths to measure. */
  readonly chosen: readonly {
    readonly sweep: DefenseSweep;
    readonly strengths: readonly (number | null)[];
  }[];
  /** Harmful narrow data alone, without the harmless tasks. */
  readonly narrow: boolean;
  readonly threads: number | undefined;
  readonly directory: string;
  readonly cache: string | undefined;
}

/** A command of the test bed: its folder, and an option of its own that counts something. */
export interface TestBedCommand {
  readonly help: string;
  readonly options: readonly (keyof typeof ownOptions)[];
  readonly directory: string;
  readonly count: { readonly option: string; readonly default: number };
}

/** Options that some of the commands have, and what the help says of them. */
const ownOptions = {
  defenses: { type: 'string', help: '--defenses A,B  only these, next to none' },
  full: {
    type: 'boolean',
    help: '--full          each defense over all its strengths, not the main ones alone',
  },
  narrow: {
    type: 'boolean',
    help: '--narrow        the harmful narrow data alone, without the harmless tasks',
  },
  threads: {
    type: 'string',
    help: '--threads N     fine-tunes at a time (default: as many as there are cores)',
  },
} as const;

const common = `  --out DIR       where results go; an interrupted command goes on from there
  --cache DIR     where grown models are kept (default: SafeTune's cache directory)
  --help          this text
`;

function helpOf({ help, options }: TestBedCommand): string {
  return [help, ...options.map((option) => `  ${ownOptions[option].help}\n`), common].join('');
}

/** Reads the command line. Prints the help and ends the process when asked to, or when it cannot be understood. */
export function readTestBedOptions(command: TestBedCommand): TestBedOptions {
  try {
    const options = parse(command);
    if (options !== undefined) return options;
    process.stdout.write(`${helpOf(command)}`);
    process.exit(0);
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n\n${helpOf(command)}`);
    process.exit(2);
  }
}

function parse({ directory, count, options }: TestBedCommand): TestBedOptions | undefined {
  const { values } = parseArgs({
    options: {
      [count.option]: { type: 'string' },
      ...Object.fromEntries(options.map((option) => [option, { type: ownOptions[option].type }])),
      out: { type: 'string' },
      cache: { type: 'string' },
      help: { type: 'boolean' },
    },
  });
  if (values.help === true) return undefined;
  const flags: Readonly<Record<string, string | boolean | undefined>> = values;
  const text = (option: string) => flags[option] as string | undefined;
  const [counted, threads] = [text(count.option), text('threads')];
  const [out, cache] = [text('out'), text('cache')];
  return {
    count: counted === undefined ? count.default : positive(count.option, counted),
    chosen: chosenDefenses(text('defenses'), flags.full === true),
    narrow: flags.narrow === true,
    threads: threads === undefined ? undefined : positive('threads', threads),
    directory: resolve(out ?? directory),
    cache: cache === undefined ? undefined : resolve(cache),
  };
}

function chosenDefenses(names: string | undefined, full: boolean): TestBedOptions['chosen'] {
  const wanted = names?.split(',') ?? standardDefenses.map(({ name }) => name);
  return wanted.map((name) => {
    const sweep = standardDefenses.find((candidate) => candidate.name === name);
    if (sweep === undefined) throw new Error(`there is no defense '${name}'`);
    // A variant without main strengths is measured only when it is asked for.
    const isAsked = full || (names !== undefined && sweep.main.length === 0);
    return { sweep, strengths: isAsked ? sweep.strengths : sweep.main };
  });
}

function positive(option: string, text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1)
    throw new Error(`--${option} is '${text}', must be a whole number from 1`);
  return value;
}
