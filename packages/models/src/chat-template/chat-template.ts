import { ChatRenderError, ChatTemplateLimitError, MissingChatTemplateError } from '../errors.ts';
import type { RenderLimits } from './jinja/budget.ts';
import { globalValues } from './jinja/globals.ts';
import { JinjaLimitError } from './jinja/jinja-error.ts';
import { parseTemplate } from './jinja/parse-template.ts';
import { render } from './jinja/render.ts';
import type { Template } from './jinja/syntax.ts';
import { fromPlain, type Value } from './jinja/values.ts';
import { formatTime } from './strftime.ts';
import type { ChatTemplates } from './template-files.ts';
import { templateMessages } from './template-messages.ts';

/** One message of a conversation. */
export interface ChatMessage {
  /** 'system', 'user', 'assistant', or what else the template knows. */
  readonly role: string;
  readonly content: string;
}

/** Values of a template's own variables by name, such as `{ enable_thinking: false }`; what JSON can hold. */
export type TemplateArguments = Readonly<Record<string, unknown>>;

export interface RenderChatOptions {
  /** End where the model begins its answer. Default false. */
  readonly addGenerationPrompt?: boolean;
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
  /** Further variables; they win over the special tokens. */
  readonly templateArguments?: TemplateArguments | undefined;
  /** How much one rendering may do. */
  readonly limits?: RenderLimits | undefined;
}

/** Variables that rendering itself gives a template. */
const given = ['messages', 'add_generation_prompt', 'tools', 'documents'];

/**
 * Renders conversations by a chat template, with the variables and functions that transformers gives it, and Python's
 * results: the evaluator is this package's own (`jinja/`).
 *
 * @throws ChatRenderError for a template argument that would hide what rendering gives.
 */
export function chatRenderer(
  templates: ChatTemplates,
  { directory, name, variables, now, templateArguments = {}, limits }: ChatRendererOptions,
): (messages: readonly ChatMessage[], options?: RenderChatOptions) => string {
  const hidden = Object.keys(templateArguments).find((argument) => given.includes(argument));
  if (hidden !== undefined) {
    throw new ChatRenderError(
      directory,
      `the template argument '${hidden}' has a meaning of its own; name another`,
    );
  }
  const source = templates.get(name);
  // Base models have none, and can be used without: only asking for it is an error.
  if (source === undefined) {
    return () => {
      throw new MissingChatTemplateError(directory, name, [...templates.keys()]);
    };
  }
  let program: Template | undefined;
  let fixed: readonly (readonly [string, Value])[] | undefined;
  return (messages, { addGenerationPrompt = false } = {}) => {
    try {
      program ??= parseTemplate(source);
      fixed ??= [
        ...globalValues((format) => formatTime(now(), format)),
        ...plainEntries({ tools: null, documents: null, ...variables, ...templateArguments }),
      ];
      const own = plainEntries({
        messages: templateMessages(messages),
        add_generation_prompt: addGenerationPrompt,
      });
      return render(program, [...fixed, ...own], limits);
    } catch (cause) {
      if (cause instanceof JinjaLimitError)
        throw new ChatTemplateLimitError(directory, cause.limit, { cause });
      // Values inside each other, deeper than JavaScript's stack.
      if (cause instanceof RangeError && /call stack/.test(cause.message))
        throw new ChatTemplateLimitError(directory, 'nesting', { cause });
      throw new ChatRenderError(directory, (cause as Error).message, { cause });
    }
  };
}

function plainEntries(values: Readonly<Record<string, unknown>>): (readonly [string, Value])[] {
  return Object.entries(values).map(([name, value]) => [name, fromPlain(value)]);
}
