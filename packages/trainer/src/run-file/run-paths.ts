import { existsSync } from 'node:fs';
import { describeRegularizer, isModulePath, withChangedPaths } from '@safetune/regularizers';
import { withSentinelPaths } from '../sentinel/config.ts';
import { snakeCase } from './file-form.ts';

type Change = (path: string) => string;
type Values = Readonly<Record<string, unknown>>;

/**
 * A run whose paths were changed: model, data, out and the files of the evaluation, of regularizers and of the sentinel. Names (on the hub, of
 * Ollama) stay as they are. What is not as it should be is left for the schema to refuse.
 *
 * @param openable - gives a path of the run from the working directory, where it is known what is there and what is a name. Default: as it is
 */
export function withPaths(run: Values, change: Change, openable: Change = (path) => path): Values {
  const { model, data, out, evaluation, regularizers, sentinel } = run;
  const unlessName: Change = (text) => (isName(text, openable) ? text : change(text));
  return {
    ...run,
    ...(typeof model === 'string' ? { model: unlessName(model) } : {}),
    ...(data === undefined ? {} : { data: dataChanged(data, unlessName) }),
    ...(typeof evaluation === 'object' && evaluation !== null && 'data' in evaluation
      ? { evaluation: { ...evaluation, data: dataChanged(evaluation.data, unlessName) } }
      : {}),
    ...(typeof out === 'string' ? { out: change(out) } : {}),
    ...(Array.isArray(regularizers)
      ? {
          regularizers: regularizers.map((config: unknown) =>
            regularizerChanged(config, { change, unlessName, openable }),
          ),
        }
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

function regularizerChanged(
  config: unknown,
  { change, unlessName, openable }: Readonly<Record<'change' | 'unlessName' | 'openable', Change>>,
): unknown {
  if (typeof config !== 'object' || config === null) return config;
  const { type } = config as { readonly type?: unknown };
  if (typeof type !== 'string') return config;
  const isModule = isModulePath(type);
  const paths = describeRegularizer(isModule ? openable(type) : type)?.paths ?? [];
  // An option may be written as the library has it, too.
  const spelt = [...new Set(paths.flatMap((path) => [path, snakeCase(path)]))];
  return { ...withChangedPaths(config, spelt, unlessName), ...(isModule ? { type: change(type) } : {}) };
}

function textChanged(value: unknown, change: Change): unknown {
  return typeof value === 'string' ? change(value) : value;
}

/** As where models are opened: what is there wins over a name on the hub. */
function isName(text: string, openable: Change): boolean {
  if (/^(ollama:|hf:\/\/)/.test(text)) return true;
  const mayBeName = /^[\w-][\w.-]*\/[\w.-]+([@:].+)?$/.test(text);
  return mayBeName && !existsSync(openable(text));
}
