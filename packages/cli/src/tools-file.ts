import { readFile } from 'node:fs/promises';
import type { Tokenizer } from '@safetune/models';
import { UsageError } from './usage-error.ts';

/** `--tools`, for `strictCommand`. */
export const toolsOption = {
  type: 'string',
  path: 'input',
  valueHint: 'FILE.json',
  description:
    'what the model may call: a list of tools as the OpenAI API has them, shown by the chat template',
} as const;

/** The tools of a JSON file. @throws UsageError that names the file, and the tool that is none. */
export async function readToolsFile(path: string): Promise<readonly object[]> {
  let content: unknown;
  try {
    content = JSON.parse(await readFile(path, 'utf8'));
  } catch (cause) {
    throw new UsageError(`--tools ${path} cannot be read as JSON: ${(cause as Error).message}`);
  }
  const shape =
    '[{"type": "function", "function": {"name": "...", "description": "...", "parameters": {...}}}]';
  if (!Array.isArray(content) || content.length === 0) {
    throw new UsageError(`--tools ${path} must hold a list of tools: ${shape}`);
  }
  const wrong = content.findIndex((tool) => nameOf(tool?.function ?? tool) === undefined);
  if (wrong !== -1) throw new UsageError(`--tools ${path}: tool ${wrong + 1} has no name: ${shape}`);
  return content;
}

function nameOf(tool: unknown): string | undefined {
  const name: unknown = typeof tool === 'object' && tool !== null && 'name' in tool ? tool.name : undefined;
  return typeof name === 'string' && name !== '' ? name : undefined;
}

/** @throws UsageError when the model's chat template would not show tools. */
export function requireTools({ templateVariables }: Tokenizer): void {
  if (templateVariables === undefined || templateVariables.has('tools')) return;
  throw new UsageError(
    '--tools: the chat template of this model shows no tools; a model that was trained to call some has one that does',
  );
}
