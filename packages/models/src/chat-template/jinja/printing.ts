import type { Budget } from './budget.ts';
import { unsupported } from './jinja-error.ts';
import { Dict, DictView, Float, Range, SafeText, Tuple, Undefined, type Value } from './values.ts';

/** Python's `str(value)`: what an output prints. */
export function text(value: Value, budget: Budget): string {
  if (typeof value === 'string') return value;
  if (value instanceof Undefined) return '';
  if (value instanceof SafeText) return value.text;
  return representation(value, budget);
}

/** Python's `repr(value)`: how a value prints inside a list. A small list that holds another twice, and so on, is a long text. */
function representation(value: Value, budget: Budget): string {
  budget.step();
  const listed = (values: readonly Value[]): string =>
    joined(
      values.map((inner) => representation(inner, budget)),
      budget,
    );
  if (typeof value === 'string') {
    budget.characters(value.length);
    return quoted(value);
  }
  if (value === null) return 'None';
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  if (typeof value === 'number') return String(value);
  if (value instanceof Float) return floatText(value.value);
  if (Array.isArray(value)) return `[${listed(value)}]`;
  if (value instanceof Tuple) return `(${listed(value.items)}${value.items.length === 1 ? ',' : ''})`;
  if (value instanceof Dict) {
    const pairs = value
      .entries()
      .map(([key, inner]) => `${representation(key, budget)}: ${representation(inner, budget)}`);
    return `{${joined(pairs, budget)}}`;
  }
  if (value instanceof DictView) return `dict_${value.kind}([${listed(value.items())}])`;
  if (value instanceof Range) {
    const parts = [value.start, value.stop, ...(value.step === 1 ? [] : [value.step])];
    return `range(${parts.join(', ')})`;
  }
  if (value instanceof Undefined) return 'Undefined';
  return unsupported('the printed form of a function, namespace or generator');
}

function joined(parts: readonly string[], budget: Budget): string {
  budget.characters(parts.reduce((sum, part) => sum + part.length + 2, 0));
  return parts.join(', ');
}

/** Python's `repr` of a float: the shortest digits that read back, with '.0' for whole numbers. */
export function floatText(value: number): string {
  if (Number.isNaN(value)) return 'nan';
  if (!Number.isFinite(value)) return value > 0 ? 'inf' : '-inf';
  if (Object.is(value, -0)) return '-0.0';
  const [mantissa, exponent] = value.toExponential().split('e') as [string, string];
  const power = Number(exponent);
  if (value !== 0 && (power < -4 || power >= 16)) {
    return `${mantissa}e${power < 0 ? '-' : '+'}${String(Math.abs(power)).padStart(2, '0')}`;
  }
  if (power >= 0) return Number.isInteger(value) ? `${BigInt(value)}.0` : String(value);
  return `${value < 0 ? '-' : ''}0.${'0'.repeat(-power - 1)}${mantissa.replace(/[-.]/g, '')}`;
}

const named: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t', '\\': '\\\\' };

function quoted(value: string): string {
  const quote = value.includes("'") && !value.includes('"') ? '"' : "'";
  let result = '';
  for (const character of value) {
    if (character === quote) result += `\\${quote}`;
    else if (character in named) result += named[character];
    else if (character !== ' ' && /[\p{C}\p{Z}]/u.test(character))
      result += escaped(character.codePointAt(0)!);
    else result += character;
  }
  return `${quote}${result}${quote}`;
}

function escaped(point: number): string {
  const hex = point.toString(16);
  if (point < 0x100) return `\\x${hex.padStart(2, '0')}`;
  return point < 0x10000 ? `\\u${hex.padStart(4, '0')}` : `\\U${hex.padStart(8, '0')}`;
}
