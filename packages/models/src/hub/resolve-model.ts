import { join } from 'node:path';
import { FileReadError } from '@safetune/tensor';
import { ZodError } from 'zod';
import { modelPath } from '../gguf/read/ollama.ts';
import { readModelConfig } from '../read-config.ts';
import { CachedRepository } from './cache-layout.ts';
import { HubError } from './errors.ts';
import { describeRepository, type HubName } from './hub-name.ts';
import { hubNameUnlessLocal } from './local-or-hub.ts';
import {
  type HubContent,
  optionalFiles,
  partsOfFile,
  requiredFiles,
  weightFiles,
  weightsIndex,
} from './model-files.ts';
import { offlineMessage } from './offline-message.ts';
import { type HubSettings, hubSettings } from './settings.ts';
import { type HubDownloadOptions, type HubSnapshot, openHubSnapshot } from './snapshot.ts';

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
 * @throws HubError whose `problem` says why; for models of a family that is not supported UnsupportedModelError and
 * UnsupportedFeatureError, before their weights are fetched; GgufError for what Ollama does not have; the signal's reason when it is aborted.
 */
export async function resolveModel(name: string, options: HubDownloadOptions = {}): Promise<ResolvedFolder> {
  const path = await modelPath(name);
  return path === name ? resolve(name, 'model', options) : { path, hub: undefined };
}

/** As {@link resolveModel}, the folder of an adapter: `adapter_config.json` and `adapter_model.safetensors`. */
export async function resolveAdapter(
  name: string,
  options: HubDownloadOptions = {},
): Promise<ResolvedFolder> {
  return resolve(name, 'adapter', options);
}

async function resolve(
  text: string,
  content: HubContent,
  options: HubDownloadOptions,
): Promise<ResolvedFolder> {
  const name = await hubNameUnlessLocal(text, content);
  if (name === undefined) return { path: text, hub: undefined };
  const settings = await hubSettings(options);
  const cached = new CachedRepository(settings.cacheDirectory, name);
  const known = await cached.knownCommit(name.revision);
  const state = known === undefined ? 'none' : await stateOf(cached, known, name, content);
  if (known !== undefined && state === 'whole') return resolved(name, cached, known);
  try {
    const snapshot = await openHubSnapshot(name, options);
    await fetchContent(snapshot, name, content);
    await snapshot.remember();
    return resolved(name, cached, snapshot.commit);
  } catch (error) {
    if (!HubError.isInstance(error) || error.problem !== 'offline') throw error;
    // What is needed is there; whether there is more that could be read, only the hub knows.
    if (known !== undefined && state === 'usable') return resolved(name, cached, known);
    throw offlineError(name, content, settings, error);
  }
}

function resolved(name: HubName, cached: CachedRepository, commit: string): ResolvedFolder {
  const folder = cached.snapshot(commit);
  return {
    path: name.file === undefined ? folder : join(folder, name.file),
    hub: { name: name.name, revision: name.revision, commit },
  };
}

/** How much of a commit is in the cache: all, all that is needed, or less. */
async function stateOf(
  cached: CachedRepository,
  commit: string,
  { file }: HubName,
  content: HubContent,
): Promise<'whole' | 'usable' | 'none'> {
  const has = (path: string) => cached.has(commit, path);
  let needed: readonly string[] | undefined;
  if (file !== undefined) needed = partsOfFile(file);
  else if (content === 'adapter') needed = requiredFiles.adapter;
  else {
    const weights = await weightFiles(cached.snapshot(commit), has).catch(() => undefined);
    needed = weights === undefined ? undefined : [...requiredFiles.model, ...weights];
  }
  if (needed === undefined) return 'none';
  for (const path of needed) if (!(await has(path))) return 'none';
  if (file !== undefined) return 'whole';
  for (const path of optionalFiles[content]) {
    if (!(await has(path)) && !(await cached.lacks(commit, path))) return 'usable';
  }
  return 'whole';
}

async function fetchContent(snapshot: HubSnapshot, name: HubName, content: HubContent): Promise<void> {
  const { files } = snapshot;
  if (name.file !== undefined) {
    requireFile(snapshot, name, name.file);
    return snapshot.download(partsOfFile(name.file));
  }
  const lacking = requiredFiles[content].filter((path) => !files.has(path));
  if (lacking.length > 0) throw otherContent(snapshot, name, content, lacking);
  if (content === 'adapter') return snapshot.download(requiredFiles.adapter);
  const templates = [...files.keys()].filter((path) =>
    /^additional_chat_templates\/[^/]+\.jinja$/.test(path),
  );
  const index = files.has(weightsIndex) ? [weightsIndex] : [];
  await snapshot.download([...requiredFiles.model, ...index, ...templates], optionalFiles.model);
  // Before gigabytes come for nothing.
  await readModelConfig(snapshot.folder);
  const weights = await weightFiles(snapshot.folder, (path) => files.has(path)).catch((cause: unknown) => {
    if (!(cause instanceof ZodError) && !FileReadError.isInstance(cause)) throw cause;
    const message = `its ${weightsIndex} is not what it should be (${cause.message})`;
    throw new HubError('file', describeRepository(name), message, { cause });
  });
  if (weights === undefined) throw otherContent(snapshot, name, content, ['model.safetensors']);
  await snapshot.download(weights);
}

function requireFile({ files }: HubSnapshot, name: HubName, file: string): void {
  if (files.has(file)) return;
  const end = file.slice(file.lastIndexOf('.'));
  const others = [...files.keys()].filter((path) => path.endsWith(end));
  const instead = others.length === 0 ? `it has no ${end} file` : `it has ${others.slice(0, 20).join(', ')}`;
  throw new HubError('file', describeRepository(name), `has no file '${file}'; ${instead}`);
}

/** What a repository is that is not what was asked for. */
function otherContent(
  { files }: HubSnapshot,
  name: HubName,
  content: HubContent,
  lacking: readonly string[],
): HubError {
  const paths = [...files.keys()];
  const gguf = paths.filter((path) => path.endsWith('.gguf'));
  const pickled = paths.find((path) => /\.(bin|pt|pth)$/.test(path));
  let advice = '';
  if (content === 'model' && files.has('adapter_config.json')) {
    advice = '. It is an adapter: give its base model as the model, and this as the adapter';
  } else if (content === 'adapter' && files.has('config.json')) {
    advice = '. It is a model, not an adapter';
  } else if (content === 'model' && gguf.length > 0) {
    advice = `. Name one of its GGUF files: ${gguf
      .slice(0, 20)
      .map((path) => `${name.name}:${path}`)
      .join(', ')}`;
  } else if (pickled !== undefined) {
    advice = `. ${pickled} is of an older format that can run code: convert it to safetensors with Python first`;
  }
  return new HubError('file', describeRepository(name), `has no ${lacking.join(', ')}${advice}`);
}

function offlineError(name: HubName, content: HubContent, settings: HubSettings, cause: HubError): HubError {
  const reason = cause.message.slice(describeRepository(name).length + 2);
  return new HubError('offline', describeRepository(name), offlineMessage(name, content, settings, reason), {
    cause,
  });
}
