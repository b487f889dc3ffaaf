import { didYouMean } from '../command.ts';
import { UsageError } from '../usage-error.ts';

/** Which of the two answers: the model with its adapter, the model alone, or one beside the other. */
export type AdapterMode = 'on' | 'off' | 'both';

const modes: readonly AdapterMode[] = ['on', 'off', 'both'];

/** What a line that begins with a slash asks for. */
export type SlashCommand =
  | { readonly type: 'reset' | 'help' | 'quit' }
  /** The new system message; undefined takes it away. */
  | { readonly type: 'system'; readonly text: string | undefined }
  | { readonly type: 'adapter'; readonly mode: AdapterMode };

/** What `/help` says. */
export const slashCommands: readonly (readonly [string, string])[] = [
  ['/reset', 'begin a new conversation; the system message stays'],
  ['/system TEXT', 'set the system message, for what is said from now on; without a text, take it away'],
  [
    '/adapter on|off|both',
    'answer with the adapter, without it, or both ways; the conversation then goes on from the answer with it',
  ],
  ['/help', 'this list'],
  ['/quit', 'end; so do Ctrl-D, and Ctrl-C pressed twice. Ctrl-C alone stops an answer'],
];

const names = slashCommands.map(([usage]) => usage.split(' ')[0]!);

/** @throws UsageError for one that there is not, or that is not complete. */
export function parseSlashCommand(line: string): SlashCommand {
  const [name = '', rest = ''] = line.trim().split(/\s+(.*)/s, 2);
  if (name === '/system') return { type: 'system', text: rest === '' ? undefined : rest };
  if (name === '/adapter') {
    const mode = modes.find((known) => known === rest);
    if (mode === undefined) throw new UsageError(`/adapter takes one of ${modes.join(', ')}, not '${rest}'`);
    return { type: 'adapter', mode };
  }
  if (name === '/reset' || name === '/help' || name === '/quit') {
    if (rest !== '') throw new UsageError(`${name} takes nothing after it`);
    return { type: name.slice(1) as 'reset' | 'help' | 'quit' };
  }
  const near = didYouMean(name, names, (known) => known);
  throw new UsageError(`there is no ${name}${near} /help lists what there is`);
}
