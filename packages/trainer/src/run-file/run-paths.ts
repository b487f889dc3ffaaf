import { existsSync } from 'node:fs';
import { listRegularizers } from '@safetune/regularizers';
import { withSentinelPaths } from '../sentinel/config.ts';

type Change = (path: string) => string;
type Values = Readonly<Record<string, unknown>>;

/**
 * A run whose paths were changed: model, data, out and the files of the evaluation, of regularizers and of the sentinel. Names (on the hub, of
 * Ollama) stay as they are. What is not as it should be is left for the schema to refuse.
 */
export function withPaths(run: Values, change: Change): Values {
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
      ? { regularizers: regularizers.map((config: unknown) => regularizerChanged(config, change)) }
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

function regularizerChanged(config: unknown, change: Change): unknown {
  if (typeof config !== 'object' || config === null) return config;
  const { type } = config as { readonly type?: unknown };
  const paths = listRegularizers().find((kind) => kind.type === type)?.paths ?? [];
  return Object.fromEntries(
    Object.entries(config).map(([name, value]) => [
      name,
      paths.includes(name) ? textChanged(value, change) : value,
    ]),
  );
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
