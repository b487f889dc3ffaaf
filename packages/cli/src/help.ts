import type { Command, OptionDefinition } from './command.ts';
import { section, twoColumns } from './terminal/layout.ts';
import { columnsOf } from './terminal/output.ts';
import { indented, wrap } from './terminal/wrap.ts';

/** What `safetune --help` says. */
export function mainHelp(commands: readonly Command[]): string {
  const width = helpWidth();
  return sections([
    wrap(
      'Fine-tune language models under safeguards against emergent misalignment, and tell whether they held.',
      width,
    ),
    section('USAGE', indented('safetune COMMAND [OPTIONS]', width)),
    section(
      'COMMANDS',
      twoColumns(
        commands.map(({ name, description }) => [name, description]),
        width,
      ),
    ),
    section('EXAMPLE', commandLines(commands[0]!.example, width)),
    wrap('safetune COMMAND --help tells the options of a command; safetune --version the version.', width),
  ]);
}

/** What `safetune COMMAND --help` says. */
export function commandHelp({ name, description, example, notes, options, positional }: Command): string {
  const width = helpWidth();
  const entries = Object.entries(options);
  const required = entries.filter(
    ([, option]) => option.required === true || option.requiredWithout !== undefined,
  );
  const usage = [
    name,
    ...required.map(([option, definition]) =>
      option === positional ? (definition.valueHint ?? 'VALUE') : optionText(option, definition),
    ),
    '[OPTIONS]',
  ];
  return sections([
    wrap(description, width),
    section('USAGE', commandLines(usage.join(' '), width)),
    section('EXAMPLE', commandLines(example, width)),
    section(
      'OPTIONS',
      twoColumns(
        entries.map(([option, definition]) => [
          optionText(option, definition),
          optionDescription(definition),
        ]),
        width,
      ),
    ),
    ...(notes === undefined ? [] : [notes(width)]),
  ]);
}

/** As wide as the terminal, but no wider than reads well; 80 columns into a file or a pipe. */
function helpWidth(): number {
  return Math.max(30, Math.min(columnsOf('stdout') ?? 80, 100));
}

function optionText(name: string, { type, valueHint }: OptionDefinition): string {
  return type === 'boolean' ? `--${name}` : `--${name} ${valueHint ?? 'VALUE'}`;
}

function optionDescription({ description = '', required, requiredWithout }: OptionDefinition): string {
  if (requiredWithout !== undefined) return `${description} (required, here or in --${requiredWithout})`;
  return required === true ? `${description} (required)` : description;
}

function sections(parts: readonly string[]): string {
  return `${parts.join('\n\n')}\n`;
}

/** A command line, broken as a shell allows. */
function commandLines(text: string, width: number): string {
  const arguments_ = `safetune ${text}`.split(/ (?=--|\[)/);
  const lines: string[] = [];
  for (const argument of arguments_) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + argument.length + 4 <= width) {
      lines[lines.length - 1] = `${last} ${argument}`;
    } else lines.push(lines.length === 0 ? `  ${argument}` : `      ${argument}`);
  }
  return lines.join(' \\\n');
}
