import {
  compile,
  type Executable,
  gradients,
  type HostArray,
  hostArray,
  multiply,
  type NamedTensors,
  sum,
  type Tensor,
  tensorType,
} from '@safetune/tensor';
import { resolveLayers } from '../interface/layers.ts';
import type { Regularizer } from '../interface/regularizer.ts';
import { tracedEdit } from '../interface/traced.ts';
import { largest } from './penalty-runs.ts';
import { randomNumbers, type SampleArray, sampleOutputs, widened, withGarbage } from './sample-outputs.ts';
import { type Assert, type ContractCheck, check, type SampleModel, type Subject } from './subject.ts';

/** What an edit of the residual stream must keep. */
export function hiddenChecks(subject: Subject): ContractCheck[] {
  const on = (name: string, body: (edit: Edit, sample: EditSample, assert: Assert) => Promise<void>) =>
    check(subject, name, async (made, assert) => {
      const edit = await compileEdits(made, subject.model, assert);
      try {
        await body(edit, editSample(subject.model), assert);
      } finally {
        await edit.release();
      }
    });
  return [
    on('keeps shape and type of the states, and edits at least one layer', async (edit, sample, assert) => {
      const { states } = await edit.run(sample);
      const edits = states.some((state) => differs(state, sample.state.data));
      assert(edits, `leaves the states of all layers 0 to ${states.length - 1} as they are`);
    }),
    check(subject, 'edits the layers it lists as edited, and no others', async (made, assert) => {
      if (made.editedLayers === undefined) return;
      const listed = resolveLayers(made.editedLayers, subject.model.layerCount);
      const edit = await compileEdits(made, subject.model, assert);
      try {
        const sample = editSample(subject.model);
        const { states } = await edit.run(sample);
        for (const [layer, state] of states.entries()) {
          const edits = differs(state, sample.state.data);
          assert(
            edits || !listed.includes(layer),
            `lists layer ${layer} in editedLayers but does not edit it`,
          );
          assert(
            !edits || listed.includes(layer),
            `edits layer ${layer}, which its editedLayers do not list`,
          );
        }
      } finally {
        await edit.release();
      }
    }),
    on('lets the gradient through', async (edit, sample, assert) => {
      const { gradients: found } = await edit.run(sample);
      found.forEach((gradient, layer) => {
        const most = largest(gradient);
        assert(most > 0, `no gradient reaches the states of layer ${layer} through the edit`);
      });
    }),
    on('edits real tokens whatever is at padding', async (edit, sample, assert) => {
      const random = randomNumbers(23);
      const before = await edit.run(sample);
      const garbage = withGarbage(sample.state, sample.tokenMask, () => 1000 * random());
      requireSameTokens(before, await edit.run({ ...sample, state: garbage }), sample, 0, assert);
      const columns = 2;
      const wide = {
        state: widened(sample.state, columns, () => 1000 * random()),
        tokenIds: widened(sample.tokenIds, columns, () => 0),
        tokenMask: widened(sample.tokenMask, columns, () => 0),
        tokenResponseMask: widened(sample.tokenResponseMask, columns, () => 0),
      };
      requireSameTokens(before, await edit.run(wide), sample, columns, assert);
    }),
    on('stays finite under fp16-sized extremes', async (edit, sample, assert) => {
      const random = randomNumbers(29);
      const data = sample.state.data.map(() => Math.sign(random()) * 65504);
      const { states } = await edit.run({ ...sample, state: { ...sample.state, data } });
      states.forEach((state, layer) => {
        assert(Number.isFinite(largest(state)), `the edited states of layer ${layer} are not finite`);
      });
    }),
    on('is deterministic', async (edit, sample, assert) => {
      const [first, second] = [await edit.run(sample), await edit.run(sample)];
      first.states.forEach((state, layer) => {
        assert(!differs(state, second.states[layer]!), `edits layer ${layer} differently in a second run`);
      });
    }),
  ];
}

interface EditSample {
  readonly state: SampleArray;
  readonly tokenIds: SampleArray;
  readonly tokenMask: SampleArray;
  readonly tokenResponseMask: SampleArray;
}

/** Edited states by layer, and the gradient of a fixed mixture of them with respect to the states given. */
interface Edited {
  readonly states: readonly Float32Array[];
  readonly gradients: readonly Float32Array[];
}

interface Edit {
  run(sample: EditSample): Promise<Edited>;
  release(): Promise<void>;
}

function editSample(model: SampleModel): EditSample {
  const offer = {
    referenceLogits: false,
    hiddenStates: [0],
    referenceHiddenStates: [],
    tags: [],
    extents: {},
  };
  const { hiddenStates, tokenIds, tokenMask, tokenResponseMask } = sampleOutputs(offer, model);
  return { state: hiddenStates.get(0)!, tokenIds, tokenMask, tokenResponseMask };
}

/** The edits of all layers, each on the same states, as one graph. */
async function compileEdits(regularizer: Regularizer, model: SampleModel, assert: Assert): Promise<Edit> {
  const layers = Array.from({ length: model.layerCount + 1 }, (_, layer) => layer);
  const perToken = ['batch', 'seq'];
  const executable: Executable = await compile(
    ({ state, ...batch }: NamedTensors) => {
      const outputs: Record<string, Tensor> = {};
      for (const layer of layers) {
        const edited = tracedEdit(regularizer, state!, layer, batch as never);
        const keeps = edited.dtype === state!.dtype && edited.shape.join() === state!.shape.join();
        assert(keeps, `turns the states of layer ${layer} from ${state} into ${edited}`);
        // An edit that leaves a layer alone gives its input back, which cannot be an output as well.
        outputs[`state.${layer}`] = multiply(edited, 1);
        const [gradient] = gradients(sum(edited), [state!], { unused: 'zeros' });
        outputs[`gradient.${layer}`] = multiply(gradient!, 1);
      }
      return outputs;
    },
    {
      state: tensorType('float32', [...perToken, model.hiddenSize]),
      tokenIds: tensorType('int64', perToken),
      tokenMask: tensorType('float32', perToken),
      tokenResponseMask: tensorType('float32', perToken),
    },
    { threads: 1 },
  );
  return {
    async run({ state, tokenIds, tokenMask, tokenResponseMask }) {
      const results = await executable.run({
        state: floats(state),
        tokenIds: hostArray(BigInt64Array.from(tokenIds.data, BigInt), tokenIds.shape),
        tokenMask: floats(tokenMask),
        tokenResponseMask: floats(tokenResponseMask),
      });
      const all = (name: string) => layers.map((layer) => results[`${name}.${layer}`]!.data as Float32Array);
      return { states: all('state'), gradients: all('gradient') };
    },
    release: () => executable.release(),
  };
}

function floats({ data, shape }: SampleArray): HostArray {
  return hostArray(data, shape);
}

function requireSameTokens(
  before: Edited,
  after: Edited,
  { state, tokenMask }: EditSample,
  columns: number,
  assert: Assert,
): void {
  const [, positions, hidden] = state.shape as [number, number, number];
  for (const [layer, clean] of before.states.entries()) {
    for (const [token, real] of tokenMask.data.entries()) {
      const [example, position] = [Math.floor(token / positions), token % positions];
      const moved = example * (positions + columns) + position;
      const a = clean.subarray(token * hidden, (token + 1) * hidden);
      const b = after.states[layer]!.subarray(moved * hidden, (moved + 1) * hidden);
      assert(
        real === 0 || !differs(a, b),
        `its edit of layer ${layer}, example ${example}, position ${position} depends on padding`,
      );
    }
  }
}

function differs(a: Float32Array, b: Float32Array): boolean {
  return a.some((value, index) => !(Math.abs(value - b[index]!) <= 1e-5 * Math.max(1, Math.abs(value))));
}
