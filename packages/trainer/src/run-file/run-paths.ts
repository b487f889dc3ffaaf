import { existsSync } from 'node:fs';
import { describeRegularizer, isModulePath } from '@safetune/regularizers';
import { withSentinelPaths } from '../sentinel/config.ts';
import { snakeCase } from './file-form.ts';

type Change = (path: string) => string;
type Values = Readonly<Record<string, unknown>>;

/**
 * A run whose paths were changed: model, data, out and the files of the evaluation, of regularizers and of the sentinel. Names (on the hub, of
 * Ollama) stay as they are. What is not as it should be is left for the schema to refuse.
 *
 * @param openable - gives a module's path from the working directory, by which it was loaded
 */
export function withPaths(run: Values, change: Change, openable: Change = (path) => path): Values {
  const { model, data, out, evaluation, regularizers, sentinel } = run;
  return {
    ...run,
    ...(typeof model === 'string' ? { model: changedUnlessName(model, change) } : {}),
    ...(data === undefined ? {} : { data: dataChanged(data, change) }),
    ...(typeof evaluation === 'object' && evaluation !== null && 'data' in evaluation
      ? { evaluation: { ...evaluation, data: dataChanged(evaluation.data, change) } }
      : {}),
    ...(typeof out === 'string' ? { out: change(out) } : {}),
    ...(Array.isArray(regularizers)
      ? { regularizers: regularizers.map((config: unknown) => regularizerChanged(config, change, openable)) }
      : {}),
    ...(sentinel === undefined ? {} : { sentinel: withSentinelPaths(sentinel, change) }),
  };
}

function dataChanged(data: unknown, change: Change): unknown {
  if (Array.isArray(data)) return data.map((source) => dataChanged(source, change));
  return typeof data === 'object' && data !== null && 'path' in data
    ? { ...data, path: textChanged(data.path, change) }
    : textChanged(data, change);
}

function regularizerChanged(config: unknown, change: Change, openable: Change): unknown {
  if (typeof config !== 'object' || config === null) return config;
  const { type } = config as { readonly type?: unknown };
  if (typeof type !== 'string') return config;
  const isModule = isModulePath(type);
  const paths = describeRegularizer(isModule ? openable(type) : type)?.paths ?? [];
  const changed = Object.entries(config).map(([name, value]) => [
    name,
    paths.some((path) => snakeCase(path) === snakeCase(name)) ? textChanged(value, change) : value,
  ]);
  return { ...Object.fromEntries(changed), ...(isModule ? { type: change(type) } : {}) };
}

function textChanged(value: unknown, change: Change): unknown {
  return typeof value === 'string' ? changedUnlessName(value, change) : value;
}

/** As where models are opened: what is there wins over a name on the hub. */
function changedUnlessName(text: string, change: Change): string {
  if (/^(ollama:|hf:\/\/)/.test(text)) return text;
  const path = change(text);
  const mayBeName = /^[\w-][\w.-]*\/[\w.-]+([@:].+)?$/.test(text);
  return mayBeName && !existsSync(path) ? text : path;
}
