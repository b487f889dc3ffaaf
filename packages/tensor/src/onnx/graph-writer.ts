import { type Dimension, describeShape, dimensionTerms, type Shape } from '../dimension.ts';
import type { DataType } from '../dtype.ts';
import { CompileError } from '../errors.ts';
import { scalarBytes } from '../scalar-bytes.ts';
import type { TensorType } from '../tensor-type.ts';
import type { OnnxAttribute, OnnxInitializer, OnnxNode } from './schema.ts';

/** More axes than any tensor has. */
const longestShape = 64;

/** Other forms that products are written in; see `CompileOptions`. */
export interface ProductForms {
  readonly streamWeights?: boolean | undefined;
  readonly roundInBlocks?: boolean | undefined;
}

/** What an operation's lowering writes into: nodes, small constants, and extents known only at run time. */
export class GraphWriter {
  readonly nodes: OnnxNode[] = [];
  readonly initializers: OnnxInitializer[] = [];
  /** Types of the 8-bit matrices that nodes multiply with. */
  readonly integerTypes = new Set<'int8' | 'uint8'>();
  #names = 0;
  readonly #constants = new Map<string, string>();
  /** For each symbol an input and the axis where the symbol can be read off. */
  readonly #symbolSources = new Map<string, { input: string; axis: number }>();
  readonly #symbolValues = new Map<string, string>();
  readonly #shapeVectors = new Map<string, string>();
  readonly #shared = new Map<string, string>();
  readonly #runtimeIntegers = new Map<string, string>();
  #runtimeEnd: string | undefined;
  readonly #reserved: ReadonlySet<string>;

  /** Whether products of a few rows with a weight read the weight as it lies; see `CompileOptions.streamWeights`. */
  readonly streamWeights: boolean;
  /** Whether products with 8-bit weights round in blocks; see `CompileOptions.roundInBlocks`. */
  readonly roundInBlocks: boolean;

  /** @param outputs names that the function's outputs have: no inner value may take one */
  constructor(
    inputs: Readonly<Record<string, TensorType>>,
    outputs: readonly string[] = [],
    { streamWeights = false, roundInBlocks = false }: ProductForms = {},
  ) {
    this.streamWeights = streamWeights;
    this.roundInBlocks = roundInBlocks;
    this.#reserved = new Set([...Object.keys(inputs), ...outputs]);
    for (const [input, type] of Object.entries(inputs)) {
      type.shape.forEach((dimension, axis) => {
        if (typeof dimension === 'string' && !this.#symbolSources.has(dimension)) {
          this.#symbolSources.set(dimension, { input, axis });
        }
      });
    }
  }

  /** A name no other value has. */
  freshName(hint: string): string {
    const name = `${hint}.${this.#names++}`;
    return this.#reserved.has(name) ? this.freshName(hint) : name;
  }

  /** Writes a node that defines the values named `outputs`. */
  node(
    operator: string,
    inputs: readonly string[],
    outputs: readonly string[],
    attributes: Readonly<Record<string, OnnxAttribute>> = {},
    domain = '',
  ): void {
    this.nodes.push({ operator, domain, inputs, outputs, attributes });
  }

  /** Writes a node with one output and returns the name given to it. */
  value(
    operator: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, OnnxAttribute>> = {},
    domain = '',
  ): string {
    const name = this.freshName(operator);
    this.node(operator, inputs, [name], attributes, domain);
    return name;
  }

  /** A value that is written once, however often it is asked for under this key: ONNX Runtime takes long to load many copies. */
  shared(key: string, make: () => string): string {
    const known = this.#shared.get(key) ?? make();
    this.#shared.set(key, known);
    return known;
  }

  /** A one-dimensional int64 constant. */
  integers(values: readonly number[]): string {
    return this.#constant(
      'int64',
      `[${values}]`,
      [values.length],
      () => new Uint8Array(BigInt64Array.from(values, BigInt).buffer),
    );
  }

  /**
   * The same as a value of the run, where a shape known only then is made from it. A constant would tell ONNX Runtime part of that
   * shape, and its memory planner compares every value of which it knows a part with all that were freed before: for a
   * graph of 10,000 nodes that takes seconds, and finds nothing.
   */
  runtimeIntegers(values: readonly number[]): string {
    const [source] = this.#symbolSources.values();
    if (source === undefined) return this.integers(values);
    const key = `${values}`;
    const known = this.#runtimeIntegers.get(key);
    if (known !== undefined) return known;
    // All elements there are; but that it is all, and not fewer, is seen only then.
    this.#runtimeEnd ??= this.value('Add', [
      this.value('Shape', [source.input], { start: { int: 0 }, end: { int: 1 } }),
      this.integers([longestShape]),
    ]);
    const name = this.value('Slice', [this.integers(values), this.integers([0]), this.#runtimeEnd]);
    this.#runtimeIntegers.set(key, name);
    return name;
  }

  /** A scalar int64 constant. */
  integer(value: number): string {
    return this.scalar(value, 'int64');
  }

  /** A scalar constant of the given type. */
  scalar(value: number, dtype: DataType = 'float32'): string {
    return this.#constant(dtype, `${value}`, [], () => scalarBytes(value, dtype));
  }

  /** A tensor of one value. */
  repeated(value: number, dtype: DataType, shape: Shape): string {
    return this.shared(`${value} ${dtype}${describeShape(shape)}`, () =>
      this.value('Expand', [this.scalar(value, dtype), this.shapeVector(shape)]),
    );
  }

  /** The extents of `shape` as a one-dimensional int64 value: constant when all are numbers. */
  shapeVector(shape: Shape): string {
    if (shape.every((dimension) => typeof dimension === 'number')) return this.integers(shape);
    const key = describeShape(shape);
    const known = this.#shapeVectors.get(key);
    if (known !== undefined) return known;
    const parts = shape.map((dimension) =>
      typeof dimension === 'number' ? this.integers([dimension]) : this.#extentVector(dimension),
    );
    const vector = parts.length === 1 ? parts[0]! : this.value('Concat', parts, { axis: { int: 0 } });
    this.#shapeVectors.set(key, vector);
    return vector;
  }

  /** An extent as a scalar int64 value. */
  extent(dimension: Dimension): string {
    if (typeof dimension === 'number') return this.integer(dimension);
    return this.value('Squeeze', [this.#extentVector(dimension)]);
  }

  /** A symbolic extent as an int64 value of shape [1]. */
  #extentVector(dimension: Dimension): string {
    const key = String(dimension);
    const known = this.#symbolValues.get(key);
    if (known !== undefined) return known;
    const source = this.#symbolSources.get(key);
    const name =
      source !== undefined
        ? this.value('Shape', [source.input], { start: { int: source.axis }, end: { int: source.axis + 1 } })
        : this.#polynomial(dimension);
    this.#symbolValues.set(key, name);
    return name;
  }

  #polynomial(dimension: Dimension): string {
    const terms = dimensionTerms(dimension).map(({ coefficient, symbols }) => {
      if (symbols.length === 1 && coefficient === 1 && symbols[0] === dimension) {
        throw new CompileError(
          `the extent '${dimension}' appears in no input, so it cannot be known at run time; ` +
            'give an input that has it as one of its dimensions',
        );
      }
      const factors = symbols.map((symbol) => this.#extentVector(symbol));
      if (coefficient !== 1 || factors.length === 0) factors.push(this.integers([coefficient]));
      return factors.reduce((product, factor) => this.value('Mul', [product, factor]));
    });
    return terms.reduce((sum, term) => this.value('Add', [sum, term]));
  }

  #constant(dtype: DataType, key: string, shape: readonly number[], make: () => Uint8Array): string {
    const known = this.#constants.get(`${dtype}${key}`);
    if (known !== undefined) return known;
    const name = this.freshName('constant');
    this.initializers.push({ name, dtype, shape, content: { bytes: make() } });
    this.#constants.set(`${dtype}${key}`, name);
    return name;
  }
}
