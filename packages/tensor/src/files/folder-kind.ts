import { opendir, stat } from 'node:fs/promises';
import { kindOfContent } from './file-kind.ts';
import { openRegularFile } from './open-file.ts';

/**
 * What stands at a path where the folder of a model or of an adapter is wanted, when it is something else that people
 * mistake for one, and what to do: a sentence to add to an error's message. Undefined when nothing of the kind is found.
 *
 * @param wanted - what was looked for; `weights` are a model's `.safetensors` files.
 */
export async function folderMistake(
  path: string,
  wanted: 'model' | 'adapter' | 'weights',
): Promise<string | undefined> {
  const found = await stat(path).catch(() => undefined);
  if (found === undefined) return absent(path);
  if (found.isFile()) return (await fileKind(path)) ?? 'is a file; give the folder that holds it';
  if (!found.isDirectory()) return 'is no folder';
  const names = await namesIn(path);
  const other = names.has('adapter_config.json') ? 'adapter' : names.has('config.json') ? 'model' : undefined;
  if (wanted !== 'adapter' && other === 'adapter') {
    return "holds an adapter, not a model: give its base model's folder as the model, and this one as the adapter";
  }
  if (wanted === 'adapter' && other === 'model') {
    return 'holds a model, not an adapter: an adapter has adapter_config.json and adapter_model.safetensors';
  }
  if (names.has('snapshots') && names.has('blobs')) {
    return "is the hub cache's folder of a repository: give the folder of a revision in its snapshots";
  }
  const foreign = [...names].find((name) => /\.(gguf|bin|pt|pth|ckpt|h5|onnx)$/.test(name));
  if (foreign === undefined || [...names].some((name) => name.endsWith('.safetensors'))) return undefined;
  return foreign.endsWith('.gguf')
    ? "holds GGUF files, llama.cpp's format: give the path of one of them as the model"
    : `holds weights as ${foreign.slice(foreign.lastIndexOf('.'))}: convert them to safetensors with Python first ` +
        '(from_pretrained, then save_pretrained)';
}

function absent(path: string): string {
  if (!/^[\w.-]+\/[\w.-]+$/.test(path) || path.startsWith('.')) return 'does not exist';
  return (
    'does not exist. It looks like a name on the Hugging Face hub: resolveModel and resolveAdapter of @safetune/models ' +
    `fetch it; so does \`hf download ${path} --local-dir FOLDER\`, whose folder can be given`
  );
}

async function fileKind(path: string): Promise<string | undefined> {
  const { handle } = await openRegularFile(path);
  try {
    const first = Buffer.alloc(64);
    const { bytesRead } = await handle.read(first, 0, first.length, 0);
    const kind = kindOfContent(first.subarray(0, bytesRead));
    return kind === undefined ? undefined : `is ${kind}`;
  } finally {
    await handle.close();
  }
}

/** Enough of a folder to know it by; a stranger's may hold millions of files. */
const namesLookedAt = 10_000;

async function namesIn(directory: string): Promise<ReadonlySet<string>> {
  const names = new Set<string>();
  for await (const { name } of await opendir(directory)) {
    names.add(name);
    if (names.size === namesLookedAt) break;
  }
  return names;
}
