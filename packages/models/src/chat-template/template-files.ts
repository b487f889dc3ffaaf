import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { readOptionalText } from '../json-file.ts';

/** Jinja texts by name; one alone is called 'default'. */
export type ChatTemplates = ReadonlyMap<string, string>;

/** Folder of further templates, each a file named after it. */
const furtherTemplates = 'additional_chat_templates';

/**
 * The chat templates of a folder, as transformers finds them: `chat_template.jinja` and
 * `additional_chat_templates/<name>.jinja`; where there is none of these, `chat_template` of tokenizer_config.json, a text or
 * a list of `{ name, template }`.
 */
export async function readChatTemplates(
  directory: string,
  configured: string | readonly { readonly name: string; readonly template: string }[] | null | undefined,
): Promise<ChatTemplates> {
  const templates = new Map<string, string>();
  const main = await readOptionalText(join(directory, 'chat_template.jinja'));
  if (main !== undefined) templates.set('default', main);
  for (const name of await templateNames(join(directory, furtherTemplates))) {
    const text = await readOptionalText(join(directory, furtherTemplates, `${name}.jinja`), directory);
    if (text !== undefined) templates.set(name, text);
  }
  if (templates.size > 0) return templates;
  if (typeof configured === 'string') return new Map([['default', configured]]);
  return new Map((configured ?? []).map(({ name, template }) => [name, template]));
}

async function templateNames(directory: string): Promise<string[]> {
  // Most models have no such folder.
  const names = await readdir(directory).catch(() => []);
  return names.filter((name) => name.endsWith('.jinja')).map((name) => name.slice(0, -'.jinja'.length));
}
