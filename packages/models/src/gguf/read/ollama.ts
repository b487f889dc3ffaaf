import { homedir } from 'node:os';
import { join } from 'node:path';
import { FileReadError, readSmallJson } from '@safetune/tensor';
import { z } from 'zod';
import { GgufError } from '../../errors.ts';

const prefix = 'ollama:';

/** A name as `ollama pull` takes it: `[registry/][owner/]model[:tag]`. */
const namePattern = /^(?:(?:([\w.-]+(?::\d+)?)\/)?([\w.-]+)\/)?([\w.-]+)(?::([\w.-]+))?$/;

const manifestSchema = z.looseObject({
  layers: z.array(z.looseObject({ mediaType: z.string(), digest: z.string() })),
});

/**
 * The path of a model as the user names it: `ollama:<name>[:<tag>]` is the GGUF file that Ollama keeps under that name (in
 * `OLLAMA_MODELS`, else `~/.ollama/models`); anything else is a path already. Nothing is fetched.
 *
 * @throws GgufError for a name that Ollama does not have here.
 */
export async function modelPath(model: string): Promise<string> {
  if (!model.startsWith(prefix)) return model;
  const fail = (problem: 'missing' | 'unsupported', message: string) =>
    new GgufError(problem, model, undefined, message);
  const [, registry = 'registry.ollama.ai', owner = 'library', name, tag = 'latest'] =
    namePattern.exec(model.slice(prefix.length)) ?? [];
  const parts = [registry, owner, name, tag];
  // A part of dots alone would lead out of Ollama's folder.
  if (name === undefined || parts.some((part) => /^\.+$/.test(part!))) {
    throw fail('missing', "is no name of Ollama's, which are such as ollama:smollm2:135m");
  }
  const models = process.env.OLLAMA_MODELS || join(homedir(), '.ollama', 'models');
  const file = join(models, 'manifests', registry, owner, name, tag);
  const content = await readSmallJson(file, { folder: models }).catch((cause: unknown) => {
    if (!FileReadError.isInstance(cause)) throw cause;
    const message =
      cause.problem === 'missing'
        ? `Ollama has no such model in ${models}; fetch it with \`ollama pull ${model.slice(prefix.length)}\`, or set OLLAMA_MODELS to the folder it keeps them in`
        : `Ollama's ${cause.message}`;
    throw fail('missing', message);
  });
  const layers = manifestSchema.safeParse(content).data?.layers ?? [];
  const ofKind = (kind: string) =>
    layers.filter(({ mediaType }) => mediaType === `application/vnd.ollama.image.${kind}`);
  const [weights, ...others] = ofKind('model');
  const digest = /^sha256:([0-9a-f]{64})$/.exec(weights?.digest ?? '')?.[1];
  if (digest === undefined || others.length > 0) {
    throw fail('unsupported', `Ollama's ${file} names no single file of weights`);
  }
  if (ofKind('adapter').length > 0) {
    throw fail(
      'unsupported',
      'is a model with an adapter on top, which would be left out; give its base model',
    );
  }
  return join(models, 'blobs', `sha256-${digest}`);
}
