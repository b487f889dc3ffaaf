import { z } from 'zod';

/** How the command line gives a field: `--option HINT`, or `--option` alone for one that only switches. */
export interface CommandLineForm {
  /** Without its two dashes. */
  readonly option: string;
  /** What stands for the value in the help; without it the option has none. */
  readonly hint?: string;
  /** What an option without a value sets. Default true. */
  readonly sets?: unknown;
  /** How text becomes a value. Default: as the schema says, a text or a number. 'list': several, with commas or by giving the option again; 'repeated': by giving it again. */
  readonly form?: 'list' | 'repeated' | ((text: string) => unknown);
  /** For the help, where the option says it in other words than the field. */
  readonly text?: string;
  /** The value is a file or folder that is read or written. */
  readonly path?: 'input' | 'output';
}

/** What the command line calls the fields; one that is not in here stands in files only. */
export const commandLineForms = z.registry<CommandLineForm>();

/** A field of a run: its type and default, what it says for help and editors, and its option on the command line. */
export function field<Schema extends z.ZodType>(
  schema: Schema,
  description: string,
  commandLine?: CommandLineForm,
): Schema {
  const described = schema.describe(description);
  if (commandLine !== undefined) commandLineForms.add(described, commandLine);
  return described;
}
