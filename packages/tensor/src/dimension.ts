import { ShapeError } from './errors.ts';

/**
 * One extent of a tensor: a number, or a name for an extent known only when the graph runs ('batch', 'seq').
 * Arithmetic on names stays exact: extents are polynomials with integer coefficients in a canonical spelling, such
 * as `'batch*seq'`, `'past+seq'` or `'seq+-1'`, so that two extents are equal when their spellings are.
 */
export type Dimension = number | string;

/** The extents of a tensor, outermost first. */
export type Shape = readonly Dimension[];

/** Coefficient by monomial; a monomial is its symbols sorted and joined by `*`, the constant term is ''. */
type Polynomial = ReadonlyMap<string, number>;

/** What a symbol may be called: what cannot be read as a number or an expression. */
const symbolName = /^[A-Za-z_][\w.]*$/;

/** Runs check their inputs' shapes: at every token of a generation, hundreds of times the same few extents. */
const parsed = new Map<string, Polynomial>();
const mostParsed = 1000;

function parse(dimension: Dimension): Polynomial {
  if (typeof dimension === 'number') return new Map([['', dimension]]);
  const known = parsed.get(dimension);
  if (known !== undefined) return known;
  const terms = parseTerms(dimension);
  if (parsed.size < mostParsed) parsed.set(dimension, terms);
  return terms;
}

function parseTerms(dimension: string): Polynomial {
  const terms = new Map<string, number>();
  for (const term of dimension.split('+')) {
    let coefficient = 1;
    const symbols: string[] = [];
    for (const factor of term.split('*')) {
      if (/^-?\d+$/.test(factor)) coefficient *= Number(factor);
      else if (symbolName.test(factor)) symbols.push(factor);
      else {
        throw new ShapeError(
          'dimension',
          `'${dimension}' is no extent: give a number, a name, or sums of products such as 'past+2*seq+-1'`,
        );
      }
    }
    const monomial = symbols.sort().join('*');
    terms.set(monomial, (terms.get(monomial) ?? 0) + coefficient);
  }
  return terms;
}

function spell(polynomial: Polynomial): Dimension {
  const terms = [...polynomial].filter(([, coefficient]) => coefficient !== 0);
  if (terms.length === 0) return 0;
  if (terms.length === 1 && terms[0]![0] === '') return terms[0]![1];
  // The constant term goes last; the others in alphabetical order.
  terms.sort(([a], [b]) => (a === '' ? 1 : b === '' ? -1 : a < b ? -1 : 1));
  return terms
    .map(([monomial, coefficient]) =>
      monomial === '' ? `${coefficient}` : coefficient === 1 ? monomial : `${coefficient}*${monomial}`,
    )
    .join('+');
}

/**
 * `shape` with every extent in canonical spelling, so that equal extents compare equal.
 *
 * @param operation named in the error
 * @throws ShapeError when an extent is negative, not whole, or no name or polynomial.
 */
export function canonicalShape(operation: string, shape: Shape): Shape {
  return shape.map((dimension) => {
    const canonical = spell(parse(dimension));
    if (typeof canonical === 'number' && !(Number.isSafeInteger(canonical) && canonical >= 0)) {
      throw new ShapeError(operation, `${dimension} in ${describeShape(shape)} is no extent`);
    }
    return canonical;
  });
}

/** The value of an extent when its symbols have the given values; undefined when one of them is not known. */
export function evaluateDimension(
  dimension: Dimension,
  symbols: ReadonlyMap<string, number>,
): number | undefined {
  let total = 0;
  for (const { coefficient, symbols: factors } of dimensionTerms(dimension)) {
    let product = coefficient;
    for (const factor of factors) {
      const value = symbols.get(factor);
      if (value === undefined) return undefined;
      product *= value;
    }
    total += product;
  }
  return total;
}

/** `a + b`, in canonical spelling. */
export function addDimensions(a: Dimension, b: Dimension): Dimension {
  const sum = new Map(parse(a));
  for (const [monomial, coefficient] of parse(b)) sum.set(monomial, (sum.get(monomial) ?? 0) + coefficient);
  return spell(sum);
}

/** `a * b`, in canonical spelling. */
export function multiplyDimensions(a: Dimension, b: Dimension): Dimension {
  const product = new Map<string, number>();
  for (const [left, leftCoefficient] of parse(a)) {
    for (const [right, rightCoefficient] of parse(b)) {
      const symbols = [...left.split('*'), ...right.split('*')].filter((symbol) => symbol !== '');
      const monomial = symbols.sort().join('*');
      product.set(monomial, (product.get(monomial) ?? 0) + leftCoefficient * rightCoefficient);
    }
  }
  return spell(product);
}

/** Number of elements of a shape; 1 for a scalar. */
export function elementCount(shape: Shape): Dimension {
  return shape.reduce<Dimension>(multiplyDimensions, 1);
}

/** True when both shapes have the same extents in the same order. */
export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((dimension, axis) => dimension === b[axis]);
}

/** `[batch, seq, 64]`, for messages. */
export function describeShape(shape: Shape): string {
  return `[${shape.join(', ')}]`;
}

/** The terms of an extent as (coefficient, symbols) pairs; what lowering needs to compute it at run time. */
export function dimensionTerms(dimension: Dimension): { coefficient: number; symbols: string[] }[] {
  return [...parse(dimension)].map(([monomial, coefficient]) => ({
    coefficient,
    symbols: monomial === '' ? [] : monomial.split('*'),
  }));
}

/**
 * The shape two operands broadcast to by NumPy's rule (aligned at the last axis; an extent of 1 stretches), or
 * undefined when they do not. A symbol never stretches against a number other than 1.
 */
export function broadcastShapes(a: Shape, b: Shape): Shape | undefined {
  const rank = Math.max(a.length, b.length);
  const result: Dimension[] = [];
  for (let axis = 0; axis < rank; axis++) {
    const left = a[axis - rank + a.length] ?? 1;
    const right = b[axis - rank + b.length] ?? 1;
    if (left === right || right === 1) result.push(left);
    else if (left === 1) result.push(right);
    else return undefined;
  }
  return result;
}
