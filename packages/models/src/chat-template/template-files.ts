import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { readOptionalText } from '../json-file.ts';

/** Jinja texts by name; one alone is called 'default'. */
export type ChatTemplates = ReadonlyMap<string, string>;

/** Folder of further templates, each a file named after it. */
const furtherTemplates = 'additional_chat_templates';

/**
 * The chat templates of a folder, as transformers finds them: `chat_template` of tokenizer_config.json (a text, or a list
 * of `{ name, template }`), and before these `chat_template.jinja` and `additional_chat_templates/<name>.jinja`.
 */
export async function readChatTemplates(
  directory: string,
  configured: string | readonly { readonly name: string; readonly template: string }[] | null | undefined,
): Promise<ChatTemplates> {
  const templates = new Map(
    typeof configured === 'string'
      ? [['default', configured] as const]
      : (configured ?? []).map(({ name, template }) => [name, template] as const),
  );
  const main = await readOptionalText(join(directory, 'chat_template.jinja'));
  if (main !== undefined) templates.set('default', main);
  for (const name of await templateNames(join(directory, furtherTemplates))) {
    const text = await readOptionalText(join(directory, furtherTemplates, `${name}.jinja`), directory);
    if (text !== undefined) templates.set(name, text);
  }
  return templates;
}

async function templateNames(directory: string): Promise<string[]> {
  // Most models have no such folder.
  const names = await readdir(directory).catch(() => []);
  return names.filter((name) => name.endsWith('.jinja')).map((name) => name.slice(0, -'.jinja'.length));
}
