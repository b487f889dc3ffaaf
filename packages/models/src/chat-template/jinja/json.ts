import { byName, integerArgument, textArgument } from './arguments.ts';
import type { Budget } from './budget.ts';
import { order, truth } from './comparing.ts';
import { JinjaError } from './jinja-error.ts';
import { floatText } from './printing.ts';
import { type Arguments, Dict, Float, Tuple, typeName, Undefined, type Value } from './values.ts';

interface JsonFormat {
  readonly asciiOnly: boolean;
  readonly indent: string | undefined;
  readonly comma: string;
  readonly colon: string;
  readonly sorted: boolean;
}

/** Deepest nesting of values. */
const deepest = 200;

/** The filter `tojson` as transformers defines it: Python's `json.dumps` without escapes for HTML. */
export function toJson(value: Value, args: Arguments, budget: Budget): string {
  const given = byName('tojson', args, ['ensure_ascii', 'indent', 'separators', 'sort_keys']);
  const indent = given.indent ?? null;
  const separators = given.separators ?? null;
  const [comma, colon] =
    separators === null ? [indent === null ? ', ' : ',', ': '] : separatorTexts(separators);
  const format: JsonFormat = {
    asciiOnly: truth(given.ensure_ascii ?? false),
    indent:
      indent === null
        ? undefined
        : typeof indent === 'string'
          ? indent
          : ' '.repeat(Math.min(1000, Math.max(0, integerArgument('indent', indent)))),
    comma,
    colon,
    sorted: truth(given.sort_keys ?? false),
  };
  return write(value, format, 0, budget);
}

function separatorTexts(separators: Value): [string, string] {
  const texts = separators instanceof Tuple ? separators.items : Array.isArray(separators) ? separators : [];
  if (texts.length !== 2) throw new JinjaError('separators must be two texts');
  return [textArgument('a separator', texts[0]!), textArgument('a separator', texts[1]!)];
}

function write(value: Value, format: JsonFormat, depth: number, budget: Budget): string {
  budget.step();
  if (depth > deepest) throw new JinjaError(`tojson: more than ${deepest} values inside each other`);
  if (value === null) return 'null';
  if (typeof value === 'boolean' || typeof value === 'number') return String(value);
  if (value instanceof Float) return jsonFloat(value.value);
  if (typeof value === 'string') {
    budget.characters(value.length);
    return jsonText(value, format);
  }
  if (value instanceof Dict) {
    const entries = format.sorted
      ? [...value.entries()].sort(([left], [right]) => order(left, right, budget))
      : value.entries();
    const parts = entries.map(
      ([key, inner]) =>
        `${jsonText(jsonKey(key), format)}${format.colon}${write(inner, format, depth + 1, budget)}`,
    );
    return bracketed('{', parts, '}', format, depth, budget);
  }
  if (Array.isArray(value) || value instanceof Tuple) {
    const parts = (Array.isArray(value) ? value : value.items).map((item) =>
      write(item, format, depth + 1, budget),
    );
    return bracketed('[', parts, ']', format, depth, budget);
  }
  if (value instanceof Undefined) return value.fail();
  throw new JinjaError(`Object of type ${typeName(value)} is not JSON serializable`);
}

function bracketed(
  open: string,
  parts: readonly string[],
  close: string,
  { indent, comma }: JsonFormat,
  depth: number,
  budget: Budget,
): string {
  if (parts.length === 0) return open + close;
  const size = parts.reduce((sum, part) => sum + part.length + comma.length, 0);
  const newline = indent === undefined ? '' : `\n${indent.repeat(depth + 1)}`;
  budget.characters(size + parts.length * newline.length);
  const end = indent === undefined ? '' : `\n${indent.repeat(depth)}`;
  return `${open}${newline}${parts.join(comma + newline)}${end}${close}`;
}

function jsonFloat(value: number): string {
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value > 0 ? 'Infinity' : '-Infinity';
  return floatText(value);
}

function jsonKey(key: Value): string {
  if (typeof key === 'string') return key;
  if (key === null) return 'null';
  if (typeof key === 'boolean' || typeof key === 'number') return String(key);
  if (key instanceof Float) return jsonFloat(key.value);
  throw new JinjaError(`keys must be str, int, float, bool or None, not ${typeName(key)}`);
}

/** JSON.stringify escapes as Python does, but for lone surrogates; U+007F stays in both. */
function jsonText(text: string, { asciiOnly }: JsonFormat): string {
  const quoted = JSON.stringify(text);
  if (!asciiOnly) return quoted;
  return quoted.replace(/[\x7f-\uffff]/g, (unit) =>
    unit === '\x7f' ? unit : `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
