import type { DataType } from './dtype.ts';
import type { Shape } from './dimension.ts';
import { describeShape } from './dimension.ts';
import { CompileError, InputError } from './errors.ts';
import { dataTypeOf, type HostArray } from './host-array.ts';
import { lower } from './onnx/lower.ts';
import { input } from './operations/leaf.ts';
import { createSession, type RuntimeOptions, type RuntimeValue, type Session, toHost, toRuntime } from './runtime.ts';
import type { Tensor, TensorType } from './tensor.ts';

/** Types of a compiled function's inputs, by name. */
export type Signature = Readonly<Record<string, TensorType>>;

/** A signature's tensors, traced or of the host. */
export type Named<Keys extends PropertyKey, Value> = { readonly [Key in Keys]: Value };

export interface CompileOptions extends RuntimeOptions {
  /** Outputs that become inputs of the next run, as `{ outputName: inputName }`; see {@link Executable.sequence}. */
  readonly carry?: Readonly<Record<string, string>>;
}

export interface RunOptions<Outputs extends string> {
  /**
   * Memory to write outputs into: row-major arrays of the right size, such as views of one flat gradient buffer.
   * They must not overlap an input of the same run.
   */
  readonly into?: { readonly [Name in Outputs]?: HostArray };
}

/** Describes an input: `tensorType('float32', ['batch', 64])`. */
export function tensorType(dtype: DataType, shape: Shape): TensorType {
  return { dtype, shape };
}

/**
 * Traces `fn` once over its signature and makes one ONNX Runtime session of everything behind its outputs.
 *
 * @example
 * const double = await compile(({ x }) => ({ y: add(x, x) }), { x: tensorType('float32', ['n']) });
 * const { y } = await double.run({ x: hostArray(Float32Array.of(1, 2), [2]) }); // y.data: 2, 4
 *
 * @throws ShapeError from tracing, CompileError when the graph cannot become a session.
 */
export async function compile<Inputs extends Signature, Outputs extends Readonly<Record<string, Tensor>>>(
  fn: (inputs: Named<keyof Inputs, Tensor>) => Outputs,
  signature: Inputs,
  options: CompileOptions = {},
): Promise<Executable<Extract<keyof Inputs, string>, Extract<keyof Outputs, string>>> {
  const traced = Object.fromEntries(Object.entries(signature).map(([name, type]) => [name, input(name, type)]));
  const outputs = fn(traced as Named<keyof Inputs, Tensor>);
  for (const [output, target] of Object.entries(options.carry ?? {})) {
    if (!(output in outputs) || !(target in signature)) {
      throw new CompileError(`carry '${output}' -> '${target}': one of the two does not exist`);
    }
  }
  const session = await createSession(lower(signature, outputs), options);
  return new Executable(session, signature, Object.keys(outputs), options.carry ?? {}) as never;
}

/** A compiled function: one ONNX Runtime session. Compile once and keep it; `release` it deliberately. */
export class Executable<Inputs extends string = string, Outputs extends string = string> {
  readonly signature: Signature;
  readonly outputNames: readonly string[];
  readonly #session: Session;
  readonly #carry: Readonly<Record<string, string>>;

  /** Made by {@link compile}. */
  constructor(
    session: Session,
    signature: Signature,
    outputNames: readonly string[],
    carry: Readonly<Record<string, string>>,
  ) {
    this.#session = session;
    this.signature = signature;
    this.outputNames = outputNames;
    this.#carry = carry;
  }

  /**
   * Computes the outputs. Blocks the thread while it runs.
   *
   * @throws InputError when an input is missing, unknown, or does not fit its declared type.
   */
  async run(
    inputs: Named<Inputs, HostArray>,
    options: RunOptions<Outputs> = {},
  ): Promise<{ [Name in Outputs]: HostArray }> {
    const values = await this.#execute(await this.#feeds(inputs), options);
    return Object.fromEntries(this.outputNames.map((name) => [name, toHost(values[name]!)])) as {
      [Name in Outputs]: HostArray;
    };
  }

  /**
   * A sequence of runs in which carried outputs feed the next run without a copy, such as the key-value cache of
   * generation. Several sequences of one executable are independent.
   *
   * @param initial the first values of the carried inputs
   */
  sequence(initial: { readonly [Name in Inputs]?: HostArray }): RunSequence<Inputs, Outputs> {
    let state: Promise<Record<string, RuntimeValue>> = this.#feeds(initial as never, Object.values(this.#carry));
    return {
      run: async (inputs) => {
        const carried = await state;
        const fed = Object.keys(this.signature).filter((name) => !(name in carried));
        const values = await this.#execute({ ...carried, ...(await this.#feeds(inputs as never, fed)) }, {});
        state = Promise.resolve(
          Object.fromEntries(Object.entries(this.#carry).map(([output, name]) => [name, values[output]!])),
        );
        const visible = this.outputNames.filter((name) => !(name in this.#carry));
        return Object.fromEntries(visible.map((name) => [name, toHost(values[name]!)])) as {
          [Name in Outputs]: HostArray;
        };
      },
      state: async () =>
        Object.fromEntries(Object.entries(await state).map(([name, value]) => [name, toHost(value)])),
    };
  }

  /** Frees the session. The executable cannot run afterwards. */
  async release(): Promise<void> {
    await this.#session.release();
  }

  async #execute(
    feeds: Record<string, RuntimeValue>,
    { into = {} }: RunOptions<Outputs>,
  ): Promise<Record<string, RuntimeValue>> {
    const fetches: Record<string, RuntimeValue | null> = {};
    for (const name of this.outputNames) {
      const target = (into as Record<string, HostArray | undefined>)[name];
      fetches[name] = target === undefined ? null : await toRuntime(target, dataTypeOf(target.data));
    }
    return this.#session.run(feeds, fetches);
  }

  async #feeds(
    inputs: Readonly<Record<string, HostArray>>,
    expected: readonly string[] = Object.keys(this.signature),
  ): Promise<Record<string, RuntimeValue>> {
    for (const name of Object.keys(inputs)) {
      if (!expected.includes(name)) {
        throw new InputError(name, `is not expected; the inputs are ${expected.join(', ')}`);
      }
    }
    const symbols = new Map<string, number>();
    const feeds: Record<string, RuntimeValue> = {};
    for (const name of expected) {
      const array = inputs[name];
      const type = this.signature[name]!;
      if (array === undefined) throw new InputError(name, 'is missing');
      checkInput(name, array, type, symbols);
      feeds[name] = await toRuntime(array, type.dtype);
    }
    return feeds;
  }
}

/** Runs that hand carried outputs on to the next; made by {@link Executable.sequence}. */
export interface RunSequence<Inputs extends string, Outputs extends string> {
  /** One run. Takes the inputs that are not carried, gives the outputs that are not carried. */
  run(inputs: { readonly [Name in Inputs]?: HostArray }): Promise<{ [Name in Outputs]: HostArray }>;
  /** The carried inputs' present values. */
  state(): Promise<Record<string, HostArray>>;
}

function checkInput(name: string, array: HostArray, type: TensorType, symbols: Map<string, number>): void {
  const given = dataTypeOf(array.data);
  const fits = given === type.dtype || (given === 'uint8' && type.dtype === 'bool');
  if (!fits) throw new InputError(name, `holds ${given}, ${type.dtype} is declared`);
  const mismatch = () =>
    new InputError(name, `has shape [${array.shape.join(', ')}], ${describeShape(type.shape)} is declared`);
  if (array.shape.length !== type.shape.length) throw mismatch();
  type.shape.forEach((extent, axis) => {
    const actual = array.shape[axis]!;
    if (typeof extent === 'number') {
      if (extent !== actual) throw mismatch();
      return;
    }
    const known = symbols.get(extent);
    if (known !== undefined && known !== actual) {
      throw new InputError(name, `'${extent}' is ${actual} here but ${known} in an earlier input`);
    }
    symbols.set(extent, actual);
  });
}
