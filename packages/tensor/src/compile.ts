import { multipliesBlocksExactly } from './block-probe.ts';
import { describeShape, evaluateDimension } from './dimension.ts';
import { CompileError, InputError } from './errors.ts';
import { contiguousData, type HostArray } from './host-array.ts';
import { createExactSession } from './integer-products.ts';
import { type MappedFile, requireWhole } from './mapped-file.ts';
import { lower } from './onnx/lower.ts';
import { input } from './operations/leaf.ts';
import { type RuntimeOptions, type RuntimeValue, type Session, toHost, toRuntime } from './runtime.ts';
import { bindSymbols, checkInputs, holds, type Signature } from './signature.ts';
import type { Tensor } from './tensor.ts';

export { type Signature, tensorType } from './signature.ts';

/** A signature's tensors, traced or of the host. */
export type Named<Keys extends PropertyKey, Value> = { readonly [Key in Keys]: Value };

export interface CompileOptions extends RuntimeOptions {
  /** Outputs that become inputs of the next run, as `{ outputName: inputName }`; see {@link Executable.sequence}. */
  readonly carry?: Readonly<Record<string, string>>;
  /**
   * Products x W^T of a few rows, 6 to 64 or so, with a weight in its file read the weight where it lies, instead of
   * rearranging it at every run: a quarter to a third faster there, in no more memory. Default false, right for one row and
   * for many. Of no use with `prepackWeights`.
   */
  readonly streamWeights?: boolean;
  /**
   * Products x W^T with constant 8-bit weights round x in blocks of 16 to 128 numbers, each by its own scale, instead of
   * by rows: one operator instead of ten, half the time for one row, and nearer to the exact product. Gradients, weights
   * with a residual, and rows that do not come in such blocks are computed as without. Only with `prepackWeights`, and
   * where a probe finds it exact; elsewhere it changes nothing. Default false.
   */
  readonly roundInBlocks?: boolean;
}

export interface RunOptions<Outputs extends string> {
  /**
   * Memory to write outputs into: row-major arrays of the right size, such as views of one flat gradient buffer.
   * They must not overlap an input of the same run, but for a cache that `cachedAttention` extends in place.
   */
  readonly into?: { readonly [Name in Outputs]?: HostArray };
}

/**
 * Traces `fn` once over its signature and makes one ONNX Runtime session of everything behind its outputs.
 *
 * @example
 * const double = await compile(({ x }) => ({ y: add(x, x) }), { x: tensorType('float32', ['n']) });
 * const { y } = await double.run({ x: hostArray(Float32Array.of(1, 2), [2]) }); // y.data: 2, 4
 *
 * @throws ShapeError from tracing, CompileError when the graph cannot become a session, InexactIntegersError when it
 * multiplies 8-bit weights of a type that is not multiplied exactly there.
 */
export async function compile<Inputs extends Signature, Outputs extends Readonly<Record<string, Tensor>>>(
  fn: (inputs: Named<keyof Inputs, Tensor>) => Outputs,
  signature: Inputs,
  options: CompileOptions = {},
): Promise<Executable<Extract<keyof Inputs, string>, Extract<keyof Outputs, string>>> {
  const traced = Object.fromEntries(
    Object.entries(signature).map(([name, type]) => [name, input(name, type)]),
  );
  const outputs = fn(traced as Named<keyof Inputs, Tensor>);
  const carry = options.carry ?? {};
  for (const [name, { dtype }] of [...Object.entries(traced), ...Object.entries(outputs)]) {
    if (dtype === 'float16' || dtype === 'bfloat16') {
      throw new CompileError(`'${name}' is ${dtype}, which host arrays cannot hold: cast() it to float32`);
    }
  }
  checkCarry(carry, traced, outputs);
  const { executionProvider, prepackWeights = false } = options;
  const roundInBlocks =
    options.roundInBlocks === true && prepackWeights && (await multipliesBlocksExactly(executionProvider));
  const graph = lower(traced, outputs, { ...options, roundInBlocks });
  const session = guarded(await createExactSession(graph, options), graph.weightFiles);
  return new Executable(session, typesOf(traced), typesOf(outputs), carry) as never;
}

/** A session whose every run makes sure first that what it has mapped is still there. */
function guarded(session: Session, files: readonly MappedFile[]): Session {
  return {
    run: async (feeds, fetches) => {
      requireWhole(files);
      return session.run(feeds, fetches);
    },
    release: () => session.release(),
  };
}

function typesOf(tensors: Readonly<Record<string, Tensor>>): Signature {
  return Object.fromEntries(
    Object.entries(tensors).map(([name, { dtype, shape }]) => [name, { dtype, shape }]),
  );
}

function checkCarry(carry: Readonly<Record<string, string>>, inputs: Signature, outputs: Signature): void {
  const targets = Object.values(carry);
  for (const [name, target] of Object.entries(carry)) {
    const [from, to] = [outputs[name], inputs[target]];
    if (from === undefined || to === undefined) {
      throw new CompileError(`carry '${name}' -> '${target}': one of the two does not exist`);
    }
    const fits =
      from.dtype === to.dtype &&
      from.shape.length === to.shape.length &&
      to.shape.every((extent, axis) => typeof extent === 'string' || extent === from.shape[axis]);
    if (!fits) {
      throw new CompileError(
        `carry '${name}' -> '${target}': ${from.dtype}${describeShape(from.shape)} does not fit ` +
          `${to.dtype}${describeShape(to.shape)}`,
      );
    }
    if (targets.indexOf(target) !== targets.lastIndexOf(target)) {
      throw new CompileError(`carry: two outputs are carried into '${target}'`);
    }
  }
}

/** A compiled function: one ONNX Runtime session. Compile once and keep it; `release` it deliberately. */
export class Executable<Inputs extends string = string, Outputs extends string = string> {
  /** Types of the inputs. */
  readonly signature: Signature;
  /** Types of the outputs. */
  readonly outputs: Signature;
  readonly #session: Session;
  readonly #carry: Readonly<Record<string, string>>;

  /** Made by {@link compile}. */
  constructor(
    session: Session,
    signature: Signature,
    outputs: Signature,
    carry: Readonly<Record<string, string>>,
  ) {
    this.#session = session;
    this.signature = signature;
    this.outputs = outputs;
    this.#carry = carry;
  }

  /** Names of the outputs, in the order of the compiled function's result. */
  get outputNames(): readonly string[] {
    return Object.keys(this.outputs);
  }

  /**
   * Computes the outputs. Blocks the thread while it runs.
   *
   * @returns the outputs by name; those asked `into` given arrays are these arrays
   * @throws InputError when an input is missing, unknown, or does not fit its declared type, or when an array to write
   * into does not fit its output; MappedFileError when a file of weights was cut short since it was compiled.
   */
  async run(
    inputs: Named<Inputs, HostArray>,
    options: RunOptions<Outputs> = {},
  ): Promise<{ [Name in Outputs]: HostArray }> {
    const symbols = new Map<string, number>();
    checkInputs(this.signature, inputs, Object.keys(this.signature), symbols);
    const into = (options.into ?? {}) as Readonly<Record<string, HostArray>>;
    checkTargets(this.outputs, into, symbols);
    const values = await this.#session.run(await this.#feeds(inputs), await this.#fetches(into));
    return Object.fromEntries(
      this.outputNames.map((name) => [name, into[name] ?? toHost(values[name]!)]),
    ) as {
      [Name in Outputs]: HostArray;
    };
  }

  /**
   * A sequence of runs in which carried outputs feed the next run without a copy, such as the key-value cache of
   * generation. Several sequences of one executable are independent.
   *
   * @param initial the first values of the carried inputs
   * @throws InputError when a carried input is missing or does not fit its type, or another one is given.
   */
  sequence(initial: { readonly [Name in Inputs]?: HostArray }): RunSequence<Inputs, Outputs> {
    checkInputs(this.signature, initial, Object.values(this.#carry), new Map());
    const visible = this.outputNames.filter((name) => !(name in this.#carry));
    let latest = this.#feeds(initial);
    return {
      run: (inputs) => {
        // Runs queue up, so that each starts from the state the one before has left; a failed one leaves it as it was.
        const before = latest;
        const values = before.then((state) => this.#advance(state, inputs));
        latest = values.then(
          (outputs) =>
            Object.fromEntries(Object.entries(this.#carry).map(([output, name]) => [name, outputs[output]!])),
          () => before,
        );
        return values.then(
          (outputs) =>
            Object.fromEntries(visible.map((name) => [name, toHost(outputs[name]!)])) as {
              [Name in Outputs]: HostArray;
            },
        );
      },
      state: async () =>
        Object.fromEntries(Object.entries(await latest).map(([name, value]) => [name, toHost(value)])),
    };
  }

  /** Frees the session. The executable cannot run afterwards. */
  async release(): Promise<void> {
    await this.#session.release();
  }

  async #advance(state: Values, inputs: Readonly<Record<string, HostArray | undefined>>): Promise<Values> {
    const symbols = new Map<string, number>();
    for (const [name, { dims }] of Object.entries(state)) {
      bindSymbols(name, this.signature[name]!.shape, dims, symbols);
    }
    const fed = Object.keys(this.signature).filter((name) => !(name in state));
    checkInputs(this.signature, inputs, fed, symbols);
    return this.#session.run({ ...state, ...(await this.#feeds(inputs)) }, await this.#fetches({}));
  }

  async #feeds(inputs: Readonly<Record<string, HostArray | undefined>>): Promise<Values> {
    const feeds: Record<string, RuntimeValue> = {};
    for (const [name, array] of Object.entries(inputs)) {
      feeds[name] = await toRuntime(array!, this.signature[name]!.dtype);
    }
    return feeds;
  }

  async #fetches(into: Readonly<Record<string, HostArray>>): Promise<Record<string, RuntimeValue | null>> {
    const fetches: Record<string, RuntimeValue | null> = {};
    for (const [name, { dtype }] of Object.entries(this.outputs)) {
      const target = into[name];
      fetches[name] = target === undefined ? null : await toRuntime(target, dtype);
    }
    return fetches;
  }
}

type Values = Readonly<Record<string, RuntimeValue>>;

/** Runs that hand carried outputs on to the next; made by {@link Executable.sequence}. */
export interface RunSequence<Inputs extends string, Outputs extends string> {
  /** One run. Takes the inputs that are not carried, gives the outputs that are not carried. */
  run(inputs: { readonly [Name in Inputs]?: HostArray }): Promise<{ [Name in Outputs]: HostArray }>;
  /** The carried inputs' present values. */
  state(): Promise<Record<string, HostArray>>;
}

/** ONNX Runtime writes into the memory it is given: what it would not reach, or not fill, is refused. */
function checkTargets(
  outputs: Signature,
  into: Readonly<Record<string, HostArray>>,
  symbols: ReadonlyMap<string, number>,
): void {
  for (const [name, target] of Object.entries(into)) {
    const fail = (why: string) => new InputError(`into.${name}`, why);
    const type = outputs[name];
    if (type === undefined) throw fail(`is no output; the outputs are ${Object.keys(outputs).join(', ')}`);
    if (!holds(target.data, type.dtype))
      throw fail(`is a ${target.data.constructor.name}, the output is ${type.dtype}`);
    const fits =
      target.shape.length === type.shape.length &&
      type.shape.every(
        (extent, axis) => (evaluateDimension(extent, symbols) ?? target.shape[axis]) === target.shape[axis],
      );
    if (!fits)
      throw fail(`has shape [${target.shape.join(', ')}], the output is ${describeShape(type.shape)}`);
    if (contiguousData(target).buffer !== target.data.buffer)
      throw fail('is not a row-major view: give a contiguous one');
  }
}
