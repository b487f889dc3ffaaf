import { rewriteCheckpoint } from '@safetune/lora';
import { type CausalLm, withCheckpointFolder } from '@safetune/models';
import { type Checkpoint, contiguousData, openCheckpoint, type TensorStream } from '@safetune/tensor';
import { TrainOptionError } from '../errors.ts';
import type { Trainable } from '../step/trainable.ts';

/**
 * Writes a trained model as a Hugging Face checkpoint folder, which `loadModel` and transformers load: the trained
 * tensors as float32, in the shards of the checkpoint that the model was loaded from; tensors that are not trained, the
 * configuration (naming float32), tokenizer, chat template and licence from there. A tied output layer is not written, as
 * it is the embedding. Of a GGUF model, `writeModelFolder` makes the rest. The folder appears whole or not at all.
 *
 * @param directory folder to make; must not exist, or be empty
 * @param model the model that was trained; its folder, or GGUF file, must still be there
 * @param trainable of {@link trainAllWeights}
 * @throws TrainOptionError for an adapter (which `saveLoraAdapter` saves and `writeMergedCheckpoint` merges) and for
 * tensors that the checkpoint does not have; MergeTargetError when the folder holds something; UnsupportedDtypeError,
 * CheckpointError and SafetensorsError for the model's folder; FileWriteError.
 *
 * @example
 * const trainable = await trainAllWeights(model);
 * await train({ model, tokenizer, trainable, examples });
 * await saveTrainedModel('trained', model, trainable);
 */
export async function saveTrainedModel(
  directory: string,
  model: CausalLm,
  trainable: Trainable,
): Promise<void> {
  const write = async (folder: string) => {
    const checkpoint = await openCheckpoint(folder);
    const trained = trainedTensors(checkpoint, trainable);
    const tiedHead = model.config.tieWordEmbeddings ? 'lm_head.weight' : undefined;
    await rewriteCheckpoint(checkpoint, directory, {
      tensor: ({ name }) => trained.get(name) ?? (name === tiedHead ? 'omit' : 'copy'),
      dtype: 'float32',
    });
  };
  await withCheckpointFolder(model.directory, write, { cacheDirectory: model.cacheDirectory });
}

/** What to write by name. @throws TrainOptionError when the checkpoint has no place for it. */
function trainedTensors(
  checkpoint: Checkpoint,
  { adapter, tensors }: Trainable,
): ReadonlyMap<string, TensorStream> {
  if (adapter !== undefined) {
    throw new TrainOptionError(
      'trainable',
      'is an adapter, of which the model keeps its weights; save it with saveLoraAdapter, or merge it with writeMergedCheckpoint',
    );
  }
  return new Map(
    Object.entries(tensors).map(([name, array]) => {
      const shape = [...array.shape];
      const place = checkpoint.tensors.get(name);
      if (place?.shape.join() !== shape.join()) {
        const found = place === undefined ? `no '${name}'` : `'${name}' as [${place.shape.join(', ')}]`;
        throw new TrainOptionError(
          'trainable',
          `has '${name}' [${shape.join(', ')}], the checkpoint ${checkpoint.path} has ${found}; ` +
            'give the model whose weights were trained',
        );
      }
      return [name, { name, dtype: 'float32', shape, chunks: () => [bytesOf(contiguousData(array))] }];
    }),
  );
}

function bytesOf({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}
