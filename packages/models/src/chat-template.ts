import { join } from 'node:path';
import { Environment, Interpreter, parse, tokenize } from '@huggingface/jinja';
import { ChatRenderError, MissingChatTemplateError } from './errors.ts';
import { readOptionalText } from './json-file.ts';
import { formatTime } from './strftime.ts';

/** One message of a conversation. */
export interface ChatMessage {
  /** 'system', 'user', 'assistant', or what else the template knows. */
  readonly role: string;
  readonly content: string;
}

export interface RenderChatOptions {
  /** End where the model begins its answer. Default false. */
  readonly addGenerationPrompt?: boolean;
}

/** Jinja texts by name; one alone is called 'default'. */
export type ChatTemplates = ReadonlyMap<string, string>;

/**
 * The chat templates of a folder: `chat_template.jinja` where it is there, else `chat_template` of
 * tokenizer_config.json, a text or a list of `{ name, template }`.
 */
export async function readChatTemplates(
  directory: string,
  configured: string | readonly { readonly name: string; readonly template: string }[] | null | undefined,
): Promise<ChatTemplates> {
  const ofConfig =
    typeof configured === 'string'
      ? [['default', configured] as const]
      : (configured ?? []).map(({ name, template }) => [name, template] as const);
  const file = await readOptionalText(join(directory, 'chat_template.jinja'));
  return new Map(file === undefined ? ofConfig : [...ofConfig, ['default', file]]);
}

export interface ChatRendererOptions {
  /** For messages of errors. */
  readonly directory: string;
  /** Which template. */
  readonly name: string;
  /** Variables besides the messages: the special tokens by their names in tokenizer_config.json, such as `bos_token`. */
  readonly variables: Readonly<Record<string, string>>;
  /** The time that templates may print. */
  readonly now: () => Date;
}

/** Renders conversations by a chat template, with the variables and functions that transformers gives it. */
export function chatRenderer(
  templates: ChatTemplates,
  { directory, name, variables, now }: ChatRendererOptions,
): (messages: readonly ChatMessage[], options?: RenderChatOptions) => string {
  const source = templates.get(name);
  // Base models have none, and can be used without: only asking for it is an error.
  if (source === undefined) {
    return () => {
      throw new MissingChatTemplateError(directory, name, [...templates.keys()]);
    };
  }
  let program: ReturnType<typeof parse> | undefined;
  return (messages, { addGenerationPrompt = false } = {}) => {
    try {
      program ??= parse(tokenize(source, { lstrip_blocks: true, trim_blocks: true }));
      const scope = new Environment();
      const values = {
        ...functions(now),
        ...variables,
        messages,
        add_generation_prompt: addGenerationPrompt,
        tools: null,
        documents: null,
      };
      for (const [variable, value] of Object.entries(values)) scope.set(variable, value);
      return new Interpreter(scope).run(program).value as string;
    } catch (cause) {
      throw new ChatRenderError(directory, (cause as Error).message, { cause });
    }
  };
}

/** What Jinja and transformers define for every template. */
function functions(now: () => Date) {
  return {
    true: true,
    false: false,
    none: null,
    True: true,
    False: false,
    None: null,
    range: integersBetween,
    raise_exception: (message: unknown) => {
      throw new Error(String(message));
    },
    strftime_now: (format: string) => formatTime(now(), format),
  };
}

/** Python's range. */
function integersBetween(first: number, second?: number, step = 1): number[] {
  const [start, stop] = second === undefined ? [0, first] : [first, second];
  if (step === 0) throw new Error('range() arg 3 must not be zero');
  return Array.from(
    { length: Math.max(0, Math.ceil((stop - start) / step)) },
    (_, index) => start + index * step,
  );
}
