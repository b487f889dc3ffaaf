import { join } from 'node:path';
import { type HubDownloadOptions, type RepositoryContent, resolveRepository } from '@safetune/hub';
import { modelPath } from '../gguf/read/ollama.ts';
import { adapterContent } from './adapter-content.ts';
import { modelContent } from './model-content.ts';

/** Where a model or an adapter is. */
export interface ResolvedFolder {
  /** The folder, or the one file that was named. */
  readonly path: string;
  /** The repository on the hub that it is a copy of; undefined for what is this machine's own. */
  readonly hub: { readonly name: string; readonly revision: string; readonly commit: string } | undefined;
}

/**
 * The folder of a model, for `loadModel` and `loadTokenizer`: a folder as it is, or a repository of the Hugging Face hub,
 * fetched into Python's cache where it is not there yet. Of it come the config, the tokenizer, chat templates and the
 * weights in safetensors; or, named after a colon, one GGUF file. What is in the cache is used without asking the hub,
 * so that a branch stays at the commit it was when it was fetched.
 *
 * @param name - a folder or GGUF file, `owner/name`, `owner/name@revision`, `owner/name:file.gguf`; with `hf://` before it, always the
 * hub's; `ollama:<name>` for a model that Ollama has fetched.
 *
 * @example
 * const { path } = await resolveModel('HuggingFaceTB/SmolLM2-135M-Instruct');
 * const model = await loadModel(path);
 *
 * @throws HubError of the hub package whose `problem` says why; for models of a family that is not supported UnsupportedModelError
 * and UnsupportedFeatureError, before their weights are fetched; GgufError for what Ollama does not have; the signal's reason when it is aborted.
 */
export async function resolveModel(name: string, options: HubDownloadOptions = {}): Promise<ResolvedFolder> {
  const path = await modelPath(name);
  return path === name ? resolve(name, modelContent, options) : { path, hub: undefined };
}

/** As {@link resolveModel}, the folder of an adapter: `adapter_config.json` and `adapter_model.safetensors`. */
export async function resolveAdapter(
  name: string,
  options: HubDownloadOptions = {},
): Promise<ResolvedFolder> {
  return resolve(name, adapterContent, options);
}

async function resolve(
  text: string,
  content: RepositoryContent,
  options: HubDownloadOptions,
): Promise<ResolvedFolder> {
  const found = await resolveRepository(text, content, options);
  if (found === undefined) return { path: text, hub: undefined };
  const { name, revision, commit, folder, file } = found;
  return { path: file === undefined ? folder : join(folder, file), hub: { name, revision, commit } };
}
