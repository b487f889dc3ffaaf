/**
 * A config whose paths are changed.
 *
 * @param paths - options that hold one; `reference.adapter` is the option `adapter` of the option `reference`
 */
export function withChangedPaths<Config extends object>(
  config: Config,
  paths: readonly string[],
  change: (path: string) => string,
): Config {
  return paths.reduce((changed, path) => changedAt(changed, path.split('.'), change) as Config, config);
}

function changedAt(
  value: unknown,
  [name, ...rest]: readonly string[],
  change: (path: string) => string,
): unknown {
  if (name === undefined) return typeof value === 'string' ? change(value) : value;
  if (typeof value !== 'object' || value === null || !(name in value)) return value;
  return { ...value, [name]: changedAt(Reflect.get(value, name), rest, change) };
}
