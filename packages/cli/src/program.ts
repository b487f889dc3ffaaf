/** The program, in the thread that `supervise.ts` starts: finds the command, or helps. */
import type { Command } from './command.ts';
import { didYouMean } from './command.ts';
import { chatCommand } from './commands/chat.ts';
import { evaluateCommand } from './commands/eval.ts';
import { exportCommand } from './commands/export.ts';
import { generateCommand } from './commands/generate.ts';
import { inspectCommand } from './commands/inspect.ts';
import { mergeCommand } from './commands/merge.ts';
import { projectCommand } from './commands/project.ts';
import { selectCommand } from './commands/select.ts';
import { trainCommand } from './commands/train.ts';
import { commandHelp, mainHelp } from './help.ts';
import { InterruptedError } from './interrupt.ts';
import { note, print, programData, write } from './terminal/output.ts';
import { UsageError } from './usage-error.ts';
import { version } from './version.ts';

const commands = [
  trainCommand,
  generateCommand,
  chatCommand,
  evaluateCommand,
  selectCommand,
  projectCommand,
  inspectCommand,
  mergeCommand,
  exportCommand,
];

const isHelp = (argument: string | undefined) =>
  argument === '--help' || argument === '-h' || argument === 'help';

async function run([name, ...rest]: readonly string[]): Promise<void> {
  if (name === '--version' || name === '-v' || name === 'version') return print(`${version}\n`);
  if (isHelp(name)) {
    const [about] = rest.filter((argument) => !isHelp(argument));
    return write('stdout', about === undefined ? mainHelp(commands) : commandHelp(find(about)));
  }
  if (name === undefined) {
    throw new UsageError(
      `say what to do: ${commands.map((command) => command.name).join(', ')}. See safetune --help`,
    );
  }
  const command = find(name);
  if (asksForHelp(command, rest)) return write('stdout', commandHelp(command));
  await command.run(rest);
}

function find(name: string): Command {
  const command = commands.find((candidate) => candidate.name === name);
  if (command !== undefined) return command;
  const names = commands.map((candidate) => candidate.name);
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
