#!/usr/bin/env node
import { defineCommand, renderUsage, runCommand } from 'citty';
import { evaluateCommand } from './commands/eval.ts';
import { generateCommand } from './commands/generate.ts';
import { inspectCommand } from './commands/inspect.ts';
import { projectCommand } from './commands/project.ts';
import { selectCommand } from './commands/select.ts';
import { trainCommand } from './commands/train.ts';
import { InterruptedError } from './interrupt.ts';

const commands = {
  train: trainCommand,
  generate: generateCommand,
  eval: evaluateCommand,
  select: selectCommand,
  project: projectCommand,
  inspect: inspectCommand,
};

const main = defineCommand({
  meta: {
    name: 'safetune',
    description:
      'Fine-tune language models under safeguards against emergent misalignment, and tell whether they held.',
  },
  subCommands: commands,
});

async function run(rawArgs: readonly string[]): Promise<void> {
  const [name] = rawArgs;
  const command =
    name !== undefined && Object.hasOwn(commands, name) ? commands[name as keyof typeof commands] : undefined;
  if (rawArgs.includes('--help') || rawArgs.includes('-h')) {
    const usage = command === undefined ? renderUsage(main) : renderUsage(command, main);
    process.stdout.write(`${await usage}\n`);
    return;
  }
  if (command === undefined) {
    const problem = name === undefined ? 'say what to do' : `there is no command '${name}'`;
    throw new Error(`${problem}; the commands are ${Object.keys(commands).join(', ')}. See safetune --help`);
  }
  await runCommand(command, { rawArgs: rawArgs.slice(1) });
}

try {
  await run(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`safetune: ${error instanceof Error ? error.message : String(error)}\n`);
  if (process.env.SAFETUNE_DEBUG && error instanceof Error) process.stderr.write(`${error.stack}\n`);
  process.exitCode = error instanceof InterruptedError ? 130 : 1;
}
