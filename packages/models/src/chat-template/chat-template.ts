import { ChatRenderError, ChatTemplateLimitError, MissingChatTemplateError } from '../errors.ts';
import type { RenderLimits } from './jinja/budget.ts';
import { globalValues } from './jinja/globals.ts';
import { JinjaLimitError } from './jinja/jinja-error.ts';
import { namesRead } from './jinja/names-used.ts';
import { parseTemplate } from './jinja/parse-template.ts';
import { type RenderedTemplate, render } from './jinja/render.ts';
import type { Template } from './jinja/syntax.ts';
import { fromPlain, type Value } from './jinja/values.ts';
import { formatTime } from './strftime.ts';
import type { ChatTemplates } from './template-files.ts';
import { templateMessages } from './template-messages.ts';

/** One message of a conversation; further keys (`tool_calls`, `reasoning_content`, `name`, ...) reach the template too. */
export interface ChatMessage {
  /** 'system', 'user', 'assistant', or what else the template knows. */
  readonly role: string;
  /** A text, or a list of parts such as `{ type: 'text', text: '...' }`; null beside tool calls. */
  readonly content?: string | readonly object[] | null;
}

/** Values of a template's own variables by name, such as `{ enable_thinking: false }`; what JSON can hold. */
export type TemplateArguments = Readonly<Record<string, unknown>>;

export interface RenderChatOptions {
  /** End where the model begins its answer. Default false. */
  readonly addGenerationPrompt?: boolean;
  /** What the model may call, each as a JSON schema. Default none. */
  readonly tools?: readonly object[];
  /** What the model may read, each with a `title` and a `text`. Default none. */
  readonly documents?: readonly object[];
  /** Variables of this rendering alone; they win over those the tokenizer was loaded with. */
  readonly templateArguments?: TemplateArguments;
}

/** Renders conversations; see {@link chatRenderer}. */
export interface ChatRenderer {
  render(messages: readonly ChatMessage[], options?: RenderChatOptions): RenderedTemplate;
  /** Names of variables in the template, its own among them; undefined when there is none, or none that can be read. */
  readonly variables: ReadonlySet<string> | undefined;
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

function requireFreeNames(directory: string, templateArguments: TemplateArguments): void {
  const hidden = Object.keys(templateArguments).find((argument) => given.includes(argument));
  if (hidden === undefined) return;
  throw new ChatRenderError(
    directory,
    `the template argument '${hidden}' has a meaning of its own; name another`,
  );
}

/**
 * Renders conversations by a chat template, with the variables and functions that transformers gives it, and Python's
 * results: the evaluator is this package's own (`jinja/`).
 *
 * @throws ChatRenderError for a template argument that would hide what rendering gives.
 */
export function chatRenderer(
  templates: ChatTemplates,
  { directory, name, variables, now, templateArguments = {}, limits }: ChatRendererOptions,
): ChatRenderer {
  requireFreeNames(directory, templateArguments);
  const source = templates.get(name);
  // Base models have none, and can be used without: only asking for it is an error.
  if (source === undefined) {
    const render = () => {
      throw new MissingChatTemplateError(directory, name, [...templates.keys()]);
    };
    return { render, variables: undefined };
  }
  let program: Template | undefined;
  let variablesRead: ReadonlySet<string> | undefined;
  let fixed: readonly (readonly [string, Value])[] | undefined;
  const renderTemplate = (
    messages: readonly ChatMessage[],
    { addGenerationPrompt = false, tools, documents, templateArguments: own = {} }: RenderChatOptions = {},
  ) => {
    requireFreeNames(directory, own);
    try {
      program ??= parseTemplate(source);
      fixed ??= [
        ...globalValues((format) => formatTime(now(), format)),
        ...plainEntries({ tools: null, documents: null, ...variables, ...templateArguments }),
      ];
      const ofThis = plainEntries({
        ...own,
        ...(tools === undefined ? {} : { tools }),
        ...(documents === undefined ? {} : { documents }),
        messages: templateMessages(messages),
        add_generation_prompt: addGenerationPrompt,
      });
      return render(program, [...fixed, ...ofThis], limits);
    } catch (cause) {
      if (cause instanceof JinjaLimitError)
        throw new ChatTemplateLimitError(directory, cause.limit, { cause });
      // Values inside each other, deeper than JavaScript's stack.
      if (cause instanceof RangeError && /call stack/.test(cause.message))
        throw new ChatTemplateLimitError(directory, 'nesting', { cause });
      throw new ChatRenderError(directory, (cause as Error).message, { cause });
    }
  };
  return {
    render: renderTemplate,
    get variables() {
      try {
        program ??= parseTemplate(source);
      } catch {
        return undefined;
      }
      variablesRead ??= namesRead(program.statements);
      return variablesRead;
    },
  };
}

function plainEntries(values: Readonly<Record<string, unknown>>): (readonly [string, Value])[] {
  return Object.entries(values).map(([name, value]) => [name, fromPlain(value)]);
}
