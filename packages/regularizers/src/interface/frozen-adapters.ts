import { type LoraAdapter, plainAdapter, requireAdapterFits } from '@safetune/lora';
import { RegularizerOptionError } from '../errors.ts';
import type { FrozenAdaptersContext, Regularizer } from './regularizer.ts';
import { shown } from './shown.ts';

/**
 * The adapters that a regularizer keeps in the forward pass in training, opened; none where it has no such hook. What started from a part of
 * the model's weights (PiSSA, OLoRA) comes as an update of the model as it is.
 *
 * @throws RegularizerOptionError when it gives no adapters, or one that does more than add to the outputs of linear layers;
 * AdapterMismatchError for an adapter of another model; what the hook throws.
 */
export async function openFrozenAdapters(
  regularizer: Pick<Regularizer, 'name' | 'frozenAdapters'>,
  context: FrozenAdaptersContext,
): Promise<readonly LoraAdapter[]> {
  const { name } = regularizer;
  if (regularizer.frozenAdapters === undefined) return [];
  const given: unknown = await regularizer.frozenAdapters(context);
  if (!Array.isArray(given) || given.length === 0) {
    throw new RegularizerOptionError(
      name,
      `its frozenAdapters are ${shown(given)}, must be a list of adapters`,
    );
  }
  return given.map((adapter) => frozen(name, adapter, context));
}

function frozen(name: string, given: unknown, { model }: FrozenAdaptersContext): LoraAdapter {
  if (!isAdapter(given)) {
    throw new RegularizerOptionError(
      name,
      `one of its frozenAdapters is ${shown(given)}, must be a LoraAdapter`,
    );
  }
  const { config, embeddings, replaced, tokens } = given;
  const more = [
    config.use_dora ? 'DoRA' : undefined,
    embeddings[0] && `an update of the embedding ${embeddings[0].name}`,
    replaced[0] && `${replaced[0].weight}, trained whole`,
    tokens[0] && `embeddings of single tokens in ${tokens[0].module}`,
  ].find((found) => found !== undefined);
  if (more !== undefined) {
    throw new RegularizerOptionError(
      name,
      `a frozen adapter has ${more}: only updates of linear layers can be added to what is trained; train one without it`,
    );
  }
  requireAdapterFits(given, model);
  return plainAdapter(given);
}

function isAdapter(given: unknown): given is LoraAdapter {
  return typeof given === 'object' && given !== null && 'modules' in given && 'trained' in given;
}
