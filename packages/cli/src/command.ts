import { nearestName } from '@safetune/datasets';
import { type ArgDef, type ArgsDef, type CommandContext, defineCommand, runCommand } from 'citty';
import { givenValues } from './option-values.ts';
import { type NamedPath, requireSeparatePaths } from './separate-paths.ts';
import { UsageError } from './usage-error.ts';

/** An option as citty takes it, and what the strictness of this command needs to know. */
export type OptionDefinition = ArgDef & {
  /** May be given several times. Default: a second time is an error, as one of the two would be ignored. */
  readonly repeatable?: boolean;
  /** Needed unless this other option is given, which may say the same. */
  readonly requiredWithout?: string;
  /** The value is a file or folder that is read or written. What is written must not be what is read. */
  readonly path?: 'input' | 'output';
  /** Ends of further files that are written beside an output. */
  readonly writesBeside?: readonly string[];
};

type Options = Readonly<Record<string, OptionDefinition>>;

/** A command of the program. */
export interface Command {
  readonly name: string;
  readonly description: string;
  /** A command line that works, for the help: what follows `safetune`. */
  readonly example: string;
  /** More for the help, made when it is asked for. */
  readonly notes?: (width: number) => string;
  readonly options: Options;
  /** The option whose values may also stand alone, as file names do. */
  readonly positional?: string;
  /** Runs it. @throws UsageError for a command line that cannot be meant, before anything is read or written. */
  run(rawArgs: readonly string[]): Promise<void>;
}

/** A command that takes nothing amiss: unknown, repeated, empty and missing options are errors before it runs. */
export function strictCommand<const Definitions extends ArgsDef & Options>(definition: {
  readonly name: string;
  readonly description: string;
  readonly example: string;
  readonly notes?: (width: number) => string;
  readonly options: Definitions;
  readonly positional?: string & keyof Definitions;
  readonly run: (context: CommandContext<Definitions>) => Promise<void>;
}): Command {
  const { options, positional } = definition;
  const command = defineCommand({ args: options, run: (context) => definition.run(context) });
  return {
    ...definition,
    async run(rawArgs) {
      const given = checkedArguments(definition.name, options, rawArgs, positional);
      await requireSeparatePaths(pathsOf(options, given, 'input'), pathsOf(options, given, 'output'));
      await runCommand(command, { rawArgs: given });
    },
  };
}

/**
 * The arguments, each as `--name=value`.
 *
 * @throws UsageError for an option there is not, one without a value or given twice, and for all that are missing.
 */
function checkedArguments(
  command: string,
  options: Options,
  rawArgs: readonly string[],
  positional: string | undefined,
): string[] {
  const given = new Map<string, string[]>();
  for (let index = 0; index < rawArgs.length; index++) {
    const alone = positional === undefined ? /$^/ : /^[^-]/;
    const argument = rawArgs[index]!.replace(alone, (first) => `--${positional}=${first}`);
    if (!argument.startsWith('-') || argument === '-') {
      throw new UsageError(
        `unexpected '${argument}'; values follow an option, and text with spaces needs quotes`,
      );
    }
    const [name = '', inline] = argument.replace(/^--?/, '').split(/=(.*)/s, 2);
    if (!argument.startsWith('--') || !Object.hasOwn(options, name))
      throw unknownOption(command, options, argument);
    const { type, repeatable } = options[name]!;
    const value = type === 'boolean' ? (inline ?? 'true') : (inline ?? rawArgs[++index]);
    if (value === undefined || value.trim() === '') {
      throw new UsageError(`--${name} needs a value${value === undefined ? '' : ' that is not empty'}`);
    }
    if (type === 'boolean' && value !== 'true' && value !== 'false') {
      throw new UsageError(`--${name} takes no value; give it, or leave it out`);
    }
    if (given.has(name) && repeatable !== true) {
      const values = type === 'boolean' ? '' : `, as '${given.get(name)![0]}' and as '${value}'`;
      throw new UsageError(`--${name} is given twice${values}; only one would be used`);
    }
    given.set(name, [...(given.get(name) ?? []), value]);
  }
  const missing = Object.keys(options).filter((name) => {
    const { required, requiredWithout } = options[name]!;
    const isNeeded = required === true || (requiredWithout !== undefined && !given.has(requiredWithout));
    return isNeeded && !given.has(name);
  });
  if (missing.length > 0) {
    const list = missing.map((name) => `--${name} ${options[name]!.valueHint ?? 'VALUE'}`).join(', ');
    throw new UsageError(`${command} also needs ${list}. See safetune ${command} --help`);
  }
  return [...given].flatMap(([name, values]) => values.map((value) => `--${name}=${value}`));
}

function unknownOption(command: string, options: Options, argument: string): UsageError {
  const [name = ''] = argument.replace(/^--?/, '').split('=');
  const near = didYouMean(name, Object.keys(options), (option) => `--${option}`);
  return new UsageError(
    `there is no option '${argument.split('=')[0]}'${near} See safetune ${command} --help`,
  );
}

/** `; did you mean 'train'?`, or a full stop when nothing is near. */
export function didYouMean(
  text: string,
  known: readonly string[],
  shown = (name: string) => `'${name}'`,
): string {
  const nearest = nearestName(text, known);
  return nearest === undefined ? '.' : `; did you mean ${shown(nearest)}?`;
}

function pathsOf(options: Options, given: readonly string[], path: 'input' | 'output'): NamedPath[] {
  return Object.entries(options)
    .filter(([, option]) => option.path === path)
    .flatMap(([name, { writesBeside = [] }]) =>
      givenValues(name, given).flatMap((value) =>
        ['', ...writesBeside].map((end) => ({ name: `--${name}`, path: `${value}${end}` })),
      ),
    );
}
