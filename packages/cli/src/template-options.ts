import { type LoadTokenizerOptions, loadTokenizer, type Tokenizer } from '@safetune/models';
import { givenValues } from './option-values.ts';
import { UsageError } from './usage-error.ts';

/** The option of every command that renders conversations. */
export const templateOptionDefinitions = {
  'template-kwarg': {
    type: 'string',
    valueHint: 'NAME=VALUE',
    repeatable: true,
    description:
      'a variable of the chat template, such as enable_thinking=false; the value is JSON where it reads as JSON, else ' +
      'text; may be given several times',
  },
} as const;

/** What was given, for `loadTokenizer`. @throws UsageError for one without a name, or given twice. */
export function templateOptions(rawArgs: readonly string[]): LoadTokenizerOptions {
  const templateArguments = new Map<string, unknown>();
  for (const given of givenValues('template-kwarg', rawArgs)) {
    const [name = '', text] = given.split(/=(.*)/s, 2);
    if (!/^[A-Za-z_]\w*$/.test(name) || text === undefined) {
      throw new UsageError(`--template-kwarg '${given}' must be NAME=VALUE, such as enable_thinking=false`);
    }
    if (templateArguments.has(name)) throw new UsageError(`--template-kwarg ${name} is given twice`);
    templateArguments.set(name, jsonOrText(text));
  }
  return templateArguments.size === 0 ? {} : { templateArguments: Object.fromEntries(templateArguments) };
}

/**
 * The tokenizer of a model that is to answer conversations. To be loaded before the model, whose weights may take minutes to
 * convert.
 *
 * @throws what loadTokenizer throws; MissingChatTemplateError or ChatRenderError where any conversation would be refused.
 */
export async function loadChatTokenizer(folder: string, options: LoadTokenizerOptions): Promise<Tokenizer> {
  const tokenizer = await loadTokenizer(folder, options);
  if (tokenizer.templateVariables === undefined) tokenizer.renderChat([{ role: 'user', content: '' }]);
  return tokenizer;
}

function jsonOrText(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
