import { hostArray, writeSafetensors } from '@safetune/tensor';
import { PersonaVectorError } from '../../../errors.ts';
import { type Refusal, readLayerTensors } from '../directions/layer-tensors.ts';

/** e_l by layer: one direction in the residual stream [hidden] after layer l (0: embeddings). All of one width. */
export type PersonaVectors = ReadonlyMap<number, Float32Array>;

/**
 * Writes persona vectors to a `.safetensors` file: one float32 tensor `layer.<l>` [hidden] per layer.
 *
 * @throws FileWriteError of the tensor package.
 */
export async function savePersonaVectors(path: string, vectors: PersonaVectors): Promise<void> {
  const tensors = [...vectors].map(([layer, values]) => [
    `layer.${layer}`,
    hostArray(values, [values.length]),
  ]);
  await writeSafetensors(path, Object.fromEntries(tensors), { metadata: { format: 'pt' } });
}

/**
 * Reads what {@link savePersonaVectors} wrote, at once.
 *
 * @throws PersonaVectorError for a file that is missing, damaged, or holds anything but float32 vectors `layer.<l>` of
 * one width.
 */
export function loadPersonaVectors(path: string): PersonaVectors {
  const refuse: Refusal = (layer, message, options) => new PersonaVectorError(path, layer, message, options);
  const vectors = new Map<number, Float32Array>();
  for (const [layer, { shape, values }] of readLayerTensors(path, 'persona vector', refuse)) {
    if (shape.length !== 1) throw refuse(layer, 'must be one vector: a shape [hidden]');
    vectors.set(layer, values);
  }
  return checkPersonaVectors(path, vectors);
}

/** @throws PersonaVectorError when there is none, widths differ, or a value is not finite. */
export function checkPersonaVectors(source: string, vectors: PersonaVectors): PersonaVectors {
  const [first] = vectors.values();
  if (first === undefined) throw new PersonaVectorError(source, undefined, 'there is no persona vector');
  for (const [layer, values] of vectors) {
    if (values.length !== first.length) {
      throw new PersonaVectorError(
        source,
        layer,
        `the vector has ${values.length} values, another ${first.length}`,
      );
    }
    if (!values.every(Number.isFinite))
      throw new PersonaVectorError(source, layer, 'the vector holds NaN or infinite values');
  }
  return vectors;
}
