import { type ArgsDef, type CommandContext, type CommandDef, defineCommand } from 'citty';
import { checkOptions } from './option-values.ts';

/** A command that refuses unknown options before it runs. */
export function strictCommand<const Options extends ArgsDef>(definition: {
  readonly name: string;
  readonly description: string;
  readonly options: Options;
  readonly run: (context: CommandContext<Options>) => Promise<void>;
}): CommandDef {
  return defineCommand({
    meta: { name: definition.name, description: definition.description },
    args: definition.options,
    async run(context) {
      checkOptions(definition.options, context.rawArgs);
      await definition.run(context);
    },
  }) as unknown as CommandDef;
}
