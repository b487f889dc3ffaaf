import { byName } from './arguments.ts';
import type { Budget } from './budget.ts';
import { equal, numeric } from './comparing.ts';
import { JinjaError, unsupported } from './jinja-error.ts';
import { itemAt, items } from './sequences.ts';
import { missingTextMethods, textMethods } from './text-methods.ts';
import {
  type Arguments,
  Callable,
  Dict,
  DictView,
  Float,
  Namespace,
  Range,
  SafeText,
  Tuple,
  typeName,
  Undefined,
  type Value,
} from './values.ts';

/** `object.name`: an attribute or method first, then an item, as Jinja looks. */
export function attribute(object: Value, name: string, budget: Budget): Value {
  if (object instanceof Undefined) object.fail();
  const own = ownAttribute(object, name, budget);
  const found = own === undefined && object instanceof Dict ? object.get(name) : own;
  return found === undefined ? missing(object, name) : found;
}

/** `object[key]`: an item first, then an attribute. */
export function item(object: Value, key: Value, budget: Budget): Value {
  if (object instanceof Undefined) object.fail();
  if (object instanceof SafeText) unsupported("a part of what 'safe' gives");
  if (object instanceof Dict) {
    const found = object.get(key);
    if (found !== undefined) return found;
  } else {
    const index = key instanceof Float ? undefined : numeric(key);
    const found = index === undefined ? undefined : itemAt(object, index, budget);
    if (found !== undefined) return found;
  }
  const own = typeof key === 'string' ? ownAttribute(object, key, budget) : undefined;
  return own === undefined ? missing(object, key) : own;
}

function missing(object: Value, key: Value): Undefined {
  return new Undefined(`'${typeName(object)}' object has no ${JSON.stringify(key)}: it`);
}

function ownAttribute(object: Value, name: string, budget: Budget): Value | undefined {
  if (object instanceof SafeText) unsupported(`'${name}' of what 'safe' gives`);
  if (object instanceof Namespace) return object.attributes.get(name);
  if (name.startsWith('__') && !(object instanceof Dict)) unsupported(`the attribute '${name}'`);
  if (typeof object === 'string') {
    const method = textMethods.get(name);
    if (method !== undefined) {
      return new Callable(name, (args) => {
        budget.read(object);
        return method(object, args, budget);
      });
    }
    if (missingTextMethods.has(name)) unsupported(`the method '${name}' of a text`);
  }
  if (object instanceof Dict) return dictMethod(object, name);
  if (Array.isArray(object) || object instanceof Tuple || object instanceof Range) {
    return sequenceMethod(object, name, budget);
  }
  if (object instanceof Float || typeof object === 'number' || typeof object === 'boolean') {
    if (numberAttributes.has(name)) unsupported(`the attribute '${name}' of a number`);
  }
  if (object instanceof DictView && ['mapping', 'isdisjoint'].includes(name)) {
    unsupported(`the attribute '${name}' of a dict's view`);
  }
  return undefined;
}

const numberAttributes = new Set(
  'as_integer_ratio bit_count bit_length conjugate denominator from_bytes fromhex hex imag is_integer numerator real to_bytes'.split(
    ' ',
  ),
);

/** What changes a value is undefined in the sandbox in which chat templates run. */
function forbidden(name: string): Undefined {
  return new Undefined(`'${name}', which would change a value,`);
}

function dictMethod(dict: Dict, name: string): Value | undefined {
  switch (name) {
    case 'keys':
    case 'values':
    case 'items':
      return new Callable(name, (args) => {
        byName(`${name}()`, args, []);
        return new DictView(name, dict);
      });
    case 'get':
      return new Callable('get', (args) => {
        const { key = null, default: otherwise = null } = byName('get()', args, ['key', 'default']);
        const found = dict.get(key);
        return found === undefined ? otherwise : found;
      });
    case 'copy':
      return new Callable('copy', () => new Dict(dict.entries()));
    case 'clear':
    case 'pop':
    case 'popitem':
    case 'setdefault':
    case 'update':
      return forbidden(name);
    case 'fromkeys':
      return unsupported('dict.fromkeys');
    default:
      return undefined;
  }
}

const listChanges = ['append', 'clear', 'extend', 'insert', 'pop', 'remove', 'reverse', 'sort'];

function sequenceMethod(value: Value[] | Tuple | Range, name: string, budget: Budget): Value | undefined {
  if (Array.isArray(value) && listChanges.includes(name)) return forbidden(name);
  if (name === 'count' || name === 'index') {
    return new Callable(name, (args: Arguments) => {
      const { value: sought = null } = byName(`${name}()`, args, ['value']);
      const all = items(value, budget);
      if (name === 'count') return all.filter((one) => equal(one, sought, budget)).length;
      const at = all.findIndex((one) => equal(one, sought, budget));
      if (at === -1) throw new JinjaError('the value sought by index() is not there');
      return at;
    });
  }
  if (Array.isArray(value) && name === 'copy') return new Callable('copy', () => [...value]);
  if (value instanceof Range && ['start', 'stop', 'step'].includes(name))
    unsupported(`the attribute '${name}' of a range`);
  return undefined;
}
