import { resolve } from 'node:path';
import { parseArgs } from 'node:util';

/** What the commands of the test bed are told. */
export interface TestBedOptions {
  /** A number given by the command's own option, or its default. */
  readonly count: number;
  readonly full: boolean;
  readonly threads: number | undefined;
  readonly directory: string;
  readonly cache: string | undefined;
}

/** A command of the test bed: its folder, and an option of its own that counts something. */
export interface TestBedCommand {
  readonly help: string;
  readonly directory: string;
  readonly count: { readonly option: string; readonly default: number };
}

const common = `  --full        each defense over all its strengths, not the main ones alone
  --threads N   fine-tunes at a time (default: as many as there are cores)
  --out DIR     where results go; an interrupted command goes on from there
  --cache DIR   where grown models are kept (default: SafeTune's cache directory)
  --help        this text
`;

/** Reads the command line. Prints the help and ends the process when asked to, or when it cannot be understood. */
export function readTestBedOptions(command: TestBedCommand): TestBedOptions {
  try {
    const options = parse(command);
    if (options !== undefined) return options;
    process.stdout.write(`${command.help}${common}`);
    process.exit(0);
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n\n${command.help}${common}`);
    process.exit(2);
  }
}

function parse({ directory, count }: TestBedCommand): TestBedOptions | undefined {
  const { values } = parseArgs({
    options: {
      [count.option]: { type: 'string' },
      full: { type: 'boolean' },
      threads: { type: 'string' },
      out: { type: 'string' },
      cache: { type: 'string' },
      help: { type: 'boolean' },
    },
  });
  if (values.help === true) return undefined;
  const { [count.option]: counted, threads, out, cache } = values as Record<string, string | undefined>;
  return {
    count: counted === undefined ? count.default : positive(count.option, counted),
    full: values.full === true,
    threads: threads === undefined ? undefined : positive('threads', threads),
    directory: resolve(out ?? directory),
    cache: cache === undefined ? undefined : resolve(cache),
  };
}

function positive(option: string, text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1)
    throw new Error(`--${option} is '${text}', must be a whole number from 1`);
  return value;
}
