import type { SampledTerm } from './penalty-runs.ts';
import {
  randomNumbers,
  type SampleArray,
  type SampleOutputs,
  widened,
  withGarbage,
} from './sample-outputs.ts';
import type { Assert } from './subject.ts';

const extreme = 65504;

/** Neither the values at padding nor its amount may matter. */
export async function blindToPadding(
  term: SampledTerm,
  outputs: SampleOutputs,
  assert: Assert,
): Promise<void> {
  const random = randomNumbers(11);
  const garbage = () => Math.sign(random()) * extreme;
  const columns = 3;
  const { tokenMask } = outputs;
  const positions = tokenMask.shape[1]!;
  const dirty = (array: SampleArray) => withGarbage(array, tokenMask, garbage);
  const states = (change: (array: SampleArray) => SampleArray): Partial<SampleOutputs> => ({
    hiddenStates: mapValues(outputs.hiddenStates, change),
    referenceHiddenStates: mapValues(outputs.referenceHiddenStates, change),
  });
  const before = await term.run(outputs);

  const filled = await term.run({
    ...outputs,
    ...states(dirty),
    tokenIds: withGarbage(outputs.tokenIds, tokenMask, () => 1),
  });
  assert(
    same(filled.value, before.value),
    `is ${before.value}, but ${filled.value} with other values at padding`,
  );
  const wide = await term.run({
    ...outputs,
    ...states((array) => widened(array, columns, garbage)),
    tokenIds: widened(outputs.tokenIds, columns, () => 0),
    tokenMask: widened(tokenMask, columns, () => 0),
    tokenResponseMask: widened(outputs.tokenResponseMask, columns, () => 0),
  });
  assert(
    same(wide.value, before.value),
    `is ${before.value}, but ${wide.value} when the batch is padded further`,
  );

  for (const [layer, array] of before.gradients.hiddenStates) {
    const after = filled.gradients.hiddenStates.get(layer)!.data as Float32Array;
    const clean = array.data as Float32Array;
    const inner = clean.length / tokenMask.data.length;
    for (const [index, value] of after.entries()) {
      const token = Math.floor(index / inner);
      const [example, position] = [Math.floor(token / positions), token % positions];
      const where = `layer ${layer}, example ${example}, position ${position}`;
      if (tokenMask.data[token] === 0)
        assert(value === 0, `its gradient at padding (${where}) is ${value}, not 0`);
      else assert(same(value, clean[index]!), `its gradient (${where}) changes with the values at padding`);
    }
  }
}

/** Logits and labels of tokens outside the response may not matter. */
export async function blindToMaskedTokens(
  term: SampledTerm,
  outputs: SampleOutputs,
  assert: Assert,
): Promise<void> {
  const random = randomNumbers(13);
  const { responseMask } = outputs;
  const dirty = (array: SampleArray) => withGarbage(array, responseMask, () => 20 * random());
  const before = await term.run(outputs);
  const after = await term.run({
    ...outputs,
    logits: dirty(outputs.logits),
    referenceLogits: dirty(outputs.referenceLogits),
    labels: withGarbage(outputs.labels, responseMask, () => 0),
  });
  assert(
    same(after.value, before.value),
    `is ${before.value}, but ${after.value} with other logits at tokens outside the response`,
  );
  const gradient = after.gradients.logits;
  if (gradient === undefined) return;
  for (const [index, value] of (gradient.data as Float32Array).entries()) {
    const row = Math.floor(index / gradient.shape[1]!);
    if (responseMask.data[row] === 0) {
      assert(value === 0, `its gradient in row ${row}, which is outside the response, is ${value}, not 0`);
    }
  }
}

function mapValues<Key, Value>(
  map: ReadonlyMap<Key, Value>,
  change: (value: Value) => Value,
): Map<Key, Value> {
  return new Map([...map].map(([key, value]) => [key, change(value)]));
}

/** Equal up to the order in which float32 sums are taken. */
function same(a: number, b: number): boolean {
  return Math.abs(a - b) <= 1e-5 * Math.max(1e-3, Math.abs(a), Math.abs(b));
}
