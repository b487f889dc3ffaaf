/** The program, in the thread that `supervise.ts` starts: finds the command, or helps. */
import type { Command } from './command.ts';
import { didYouMean } from './command.ts';
import { commandHelp, mainHelp } from './help.ts';
import { InterruptedError } from './interrupt.ts';
import { note, print, programData, write } from './terminal/output.ts';
import { UsageError } from './usage-error.ts';
import { version } from './version.ts';

/** By name, in the order of the help. A command's file is read when it is wanted: together they bring in all there is. */
const commands: Readonly<Record<string, () => Promise<Command>>> = {
  train: async () => (await import('./commands/train.ts')).trainCommand,
  verify: async () => (await import('./commands/verify.ts')).verifyCommand,
  generate: async () => (await import('./commands/generate.ts')).generateCommand,
  chat: async () => (await import('./commands/chat.ts')).chatCommand,
  eval: async () => (await import('./commands/eval.ts')).evaluateCommand,
  judge: async () => (await import('./commands/judge.ts')).judgeCommand,
  compare: async () => (await import('./commands/compare.ts')).compareCommand,
  select: async () => (await import('./commands/select.ts')).selectCommand,
  fisher: async () => (await import('./commands/fisher.ts')).fisherCommand,
  directions: async () => (await import('./commands/directions.ts')).directionsCommand,
  'secret-prompt': async () => (await import('./commands/secret-prompt.ts')).secretPromptCommand,
  'persona-vector': async () => (await import('./commands/persona-vector.ts')).personaVectorCommand,
  'safety-subspace': async () => (await import('./commands/safety-subspace.ts')).safetySubspaceCommand,
  project: async () => (await import('./commands/project.ts')).projectCommand,
  'safe-merge': async () => (await import('./commands/safe-merge.ts')).safeMergeCommand,
  'safe-delta': async () => (await import('./commands/safe-delta.ts')).safeDeltaCommand,
  extrapolate: async () => (await import('./commands/extrapolate.ts')).extrapolateCommand,
  inspect: async () => (await import('./commands/inspect.ts')).inspectCommand,
  merge: async () => (await import('./commands/merge.ts')).mergeCommand,
  'data preview': async () => (await import('./commands/data-preview.ts')).dataPreviewCommand,
  'data check': async () => (await import('./commands/data-check.ts')).dataCheckCommand,
  serve: async () => (await import('./commands/serve.ts')).serveCommand,
  worker: async () => (await import('./commands/worker.ts')).workerCommand,
  export: async () => (await import('./commands/export.ts')).exportCommand,
};
const names = Object.keys(commands);

const isHelp = (argument: string | undefined) =>
  argument === '--help' || argument === '-h' || argument === 'help';

async function run(rawArgs: readonly string[]): Promise<void> {
  const [name, ...rest] = withCommandName(rawArgs);
  if (name === '--version' || name === '-v' || name === 'version') return print(`${version}\n`);
  if (isHelp(name)) {
    const [about] = withCommandName(rest.filter((argument) => !isHelp(argument)));
    if (about !== undefined) return write('stdout', commandHelp(await load(about)));
    return write('stdout', mainHelp(await Promise.all(names.map(load))));
  }
  if (name === undefined) {
    throw new UsageError(`say what to do: ${names.join(', ')}. See safetune --help`);
  }
  const command = await load(name);
  if (asksForHelp(command, rest)) return write('stdout', commandHelp(command));
  await command.run(rest);
}

/** The arguments with a name of two words as one: `data preview`. */
function withCommandName([first, second, ...rest]: readonly string[]): readonly string[] {
  const isTwo = first !== undefined && names.some((name) => name.startsWith(`${first} `));
  const words = [first, second].filter((word) => word !== undefined);
  return isTwo && second?.startsWith('-') === false ? [words.join(' '), ...rest] : [...words, ...rest];
}

function load(name: string): Promise<Command> {
  if (Object.hasOwn(commands, name)) return commands[name]!();
  const near = didYouMean(name, names);
  throw new UsageError(
    `there is no command '${name}'${near} The commands are ${names.join(', ')}. See safetune --help`,
  );
}

/** `--help` as an option; as the value of another, such as of `--prompt`, it is text. */
function asksForHelp({ options }: Command, rawArgs: readonly string[]): boolean {
  return rawArgs.some((argument, index) => {
    const before = rawArgs[index - 1]?.replace(/^--/, '') ?? '';
    const isValue = Object.hasOwn(options, before) && options[before]!.type !== 'boolean';
    return (argument === '--help' || argument === '-h') && !isValue;
  });
}

try {
  await run(programData?.rawArgs ?? []);
} catch (error) {
  note(`safetune: ${error instanceof Error ? error.message : String(error)}\n`);
  if (process.env.SAFETUNE_DEBUG && error instanceof Error) note(`${error.stack}\n`);
  process.exitCode = error instanceof InterruptedError ? 130 : 1;
}
