import { writeFileAtomically } from '@safetune/tensor';
import { readModelConfig } from '../../read-config.ts';
import { readTokenizerConfig } from '../../tokenizer/special-tokens.ts';
import { loadTokenizer } from '../../tokenizer.ts';
import { type ConversationFormat, conversationFormat } from './conversation-format.ts';
import { ggufVocabulary } from './vocabulary.ts';

/** Options of {@link writeModelfile}. */
export interface WriteModelfileOptions {
  /** What `FROM` names: a GGUF file such as './model.gguf', or a model that Ollama has. */
  readonly from: string;
  /** GGUF file of an adapter. Default none. */
  readonly adapter?: string;
}

/** What a Modelfile says. */
export interface WrittenModelfile {
  /**
   * Whether it has a TEMPLATE. Without one Ollama takes the chat template of the GGUF file for one of those that it knows,
   * or sends prompts as they are.
   */
  readonly hasTemplate: boolean;
}

/**
 * Writes an Ollama `Modelfile`: `FROM`, `ADAPTER`, the conversation format as Ollama's (Go) `TEMPLATE`, the default system
 * message as `SYSTEM`, and the tokens that end an answer as `PARAMETER stop`.
 *
 * Ollama does not run the Jinja template of a GGUF file. The format is found by rendering conversations; a template that
 * does more than to frame messages (tools, thinking) comes without `TEMPLATE`.
 *
 * @param directory - the model's folder, whose tokenizer and chat template count.
 */
export async function writeModelfile(
  directory: string,
  file: string,
  { from, adapter }: WriteModelfileOptions,
): Promise<WrittenModelfile> {
  const tokenizer = await loadTokenizer(directory);
  const rendered = conversationFormat((messages, options) => tokenizer.renderChat(messages, options));
  const format = rendered && (await withoutAddedStart(rendered, directory, file));
  const template = format && goTemplate(format);
  const stops = tokenizer.endOfTurnTokenIds.map((id) => tokenizer.decode([id])).filter((text) => text !== '');
  const system = template === undefined ? undefined : format?.defaultSystem;
  const lines = [
    `FROM ${from}`,
    ...(adapter === undefined ? [] : [`ADAPTER ${adapter}`]),
    ...(template === undefined
      ? [
          '# No TEMPLATE: the chat template of the model cannot be written as one of Ollama. Write it here, if Ollama',
        ].concat('# does not recognise the one in the GGUF file.')
      : [`TEMPLATE """${template}"""`]),
    ...(system === undefined ? [] : [`SYSTEM """${system}"""`]),
    ...stops.map((text) => `PARAMETER stop ${JSON.stringify(text)}`),
  ];
  await writeFileAtomically(file, `${lines.join('\n')}\n`);
  return { hasTemplate: template !== undefined };
}

/** Ollama begins a prompt with the token that the GGUF file says; a template must not write it as well. */
async function withoutAddedStart(
  format: ConversationFormat,
  directory: string,
  file: string,
): Promise<ConversationFormat> {
  const { config } = await readModelConfig(directory);
  const { metadata } = await ggufVocabulary(directory, config, file);
  const { special } = await readTokenizerConfig(directory);
  const adds = metadata['tokenizer.ggml.add_bos_token']?.value === true;
  const { bos_token: bos } = special;
  return adds && bos !== undefined && format.start.startsWith(bos)
    ? { ...format, start: format.start.slice(bos.length) }
    : format;
}

/** The format in Go's template language, or undefined when a text in it cannot stand in a Modelfile. */
function goTemplate({
  start,
  system,
  user,
  assistant,
  generation,
  defaultSystem,
}: ConversationFormat): string | undefined {
  const frames = [user, assistant, ...(system?.kind === 'turn' ? [system.frame] : [])];
  const texts = [
    start,
    generation,
    defaultSystem ?? '',
    ...frames.flatMap(({ before, after }) => [before, after]),
  ];
  if (texts.some((text) => /"""|\{\{|\}\}/.test(text))) return undefined;
  const inUser =
    system?.kind === 'in-user'
      ? `{{ if and $.System (eq $index 1) }}{{ $.System }}${system.after}{{ end }}`
      : '';
  const roles = [
    ...(system?.kind === 'turn'
      ? [
          `{{ if eq $message.Role "system" }}${system.frame.before}{{ $message.Content }}${system.frame.after}{{ end }}`,
        ]
      : []),
    `{{ if eq $message.Role "user" }}${user.before}${inUser}{{ $message.Content }}${user.after}{{ end }}`,
    `{{ if eq $message.Role "assistant" }}${assistant.before}{{ $message.Content }}${assistant.after}{{ end }}`,
  ];
  return `${start}{{ range $index, $message := .Messages }}${roles.join('')}{{ end }}${generation}`;
}
