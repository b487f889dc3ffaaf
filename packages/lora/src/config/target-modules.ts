import { printable } from '@safetune/tensor';
import type { LinearLayer } from '../adapter/linear.ts';
import { LoraConfigError, NoTargetModulesError, UnmatchedPatternError } from '../errors.ts';
import type { LoraConfig } from './config.ts';
import { fullMatch, matchWithin, type PythonPattern } from './python-pattern.ts';
import { keptFromUpdates } from './saved-modules.ts';

/** A layer that a configuration adapts. */
export interface TargetModule extends LinearLayer {
  /** `r`, or what `rank_pattern` says. */
  readonly rank: number;
  /** `alpha / rank`, or `alpha / sqrt(rank)` with `use_rslora`; alpha is `lora_alpha`, or what `alpha_pattern` says. */
  readonly scale: number;
}

/**
 * The layers that a configuration adapts, in the order given, with their ranks and scales: PEFT's rules
 * (`check_target_module_exists`, `get_pattern_key`), to the letter.
 *
 * @throws NoTargetModulesError when no layer is left.
 * @throws LoraConfigError for a pattern that is no regular expression.
 */
export function targetModules(config: LoraConfig, layers: readonly LinearLayer[]): readonly TargetModule[] {
  const isTarget = nameMatcher('target_modules', config.target_modules);
  const isExcluded = nameMatcher('exclude_modules', config.exclude_modules ?? []);
  const isInChosenBlock = blockMatcher(config);
  const isSaved = keptFromUpdates(config);
  const named = layers.filter(({ name }) => isTarget(name) && !isSaved(name));
  const chosen = named.filter(({ name }) => !isExcluded(name) && isInChosenBlock(name));
  if (chosen.length === 0) {
    const reason =
      named.length === 0
        ? 'no layer has such a name'
        : `exclude_modules or layers_to_transform leave none of the ${named.length} layers that match`;
    throw new NoTargetModulesError([config.target_modules].flat(), layers.map(nameOf), reason);
  }
  const rankOf = patternLookup('rank_pattern', config.rank_pattern);
  const alphaOf = patternLookup('alpha_pattern', config.alpha_pattern);
  return chosen.map((layer) => {
    const rank = rankOf(layer.name) ?? config.r;
    const alpha = alphaOf(layer.name) ?? config.lora_alpha;
    return { ...layer, rank, scale: alpha / (config.use_rslora ? Math.sqrt(rank) : rank) };
  });
}

/**
 * Makes sure that every entry of the configuration does something on this model; PEFT passes over those that do not.
 *
 * @throws UnmatchedPatternError naming the entries of `target_modules`, `exclude_modules`, `layers_to_transform`,
 * `rank_pattern` or `alpha_pattern` that fit no layer (the last two: no adapted layer).
 */
export function requireEveryPatternMatches(config: LoraConfig, layers: readonly LinearLayer[]): void {
  const all = layers.map(nameOf);
  const adapted = targetModules(config, layers).map(nameOf);
  const demand = (
    field: string,
    entries: readonly string[],
    searched: readonly string[],
    test: EntryTest,
  ) => {
    const unmatched = entries.filter((entry) => !searched.some(test(entry)));
    if (unmatched.length > 0) throw new UnmatchedPatternError(field, unmatched, searched);
  };
  for (const field of ['target_modules', 'exclude_modules'] as const) {
    const value = config[field] ?? [];
    const matcher: EntryTest = (entry) => nameMatcher(field, typeof value === 'string' ? entry : [entry]);
    demand(field, [value].flat(), all, matcher);
  }
  const blocks = [config.layers_to_transform ?? []].flat().map(String);
  demand('layers_to_transform', blocks, adapted, (entry) =>
    blockMatcher({ ...config, layers_to_transform: Number(entry) }),
  );
  for (const field of ['rank_pattern', 'alpha_pattern'] as const) {
    demand(field, Object.keys(config[field]), adapted, (entry) => {
      const lookup = patternLookup(field, { [entry]: 1 });
      return (name) => lookup(name) !== undefined;
    });
  }
}

type NameTest = (name: string) => boolean;
type EntryTest = (entry: string) => NameTest;

function nameOf({ name }: LinearLayer): string {
  return name;
}

/** A list matches whole names and their ends after a dot; a string is a pattern for the whole name, or all layers. */
function nameMatcher(field: string, value: readonly string[] | string): NameTest {
  if (typeof value !== 'string') {
    const entries = new Set(value);
    return (name) => endsOf(name).some((end) => entries.has(end));
  }
  if (field === 'target_modules' && value.toLowerCase() === 'all-linear') return () => true;
  const [pattern] = expressions(field, [value], fullMatch);
  return (name) => value !== '' && pattern!.matches(name);
}

/** `a.b.c`, `b.c` and `c`. */
function endsOf(name: string): string[] {
  const parts = name.split('.');
  return parts.map((_, index) => parts.slice(index).join('.'));
}

/** The first numbered segment of a name is the index of its block. */
function blockMatcher({ target_modules, layers_to_transform, layers_pattern }: LoraConfig): NameTest {
  const indices = new Set(layers_to_transform === null ? [] : [layers_to_transform].flat());
  if (indices.size === 0) return () => true;
  const named = [layers_pattern ?? []].flat().filter((pattern) => pattern !== '');
  const patterns = expressions('layers_pattern', named, (pattern) =>
    matchWithin('(?:^|.*?\\.)', pattern, '\\.(?P<index>\\d+)\\.'),
  );
  const indexOf = (name: string) =>
    named.length === 0
      ? /^.*?\.[^.]*\.(\d+)\./.exec(name)?.[1]
      : patterns.map((pattern) => pattern.group(name, 'index')).find((found) => found !== undefined);
  return (name) => {
    // PEFT asks for the block only of layers that a list names by their end, not of those it spells out.
    if (target_modules.includes(name)) return true;
    const index = indexOf(name);
    return index !== undefined && indices.has(Number(index));
  };
}

/** The value of the first key that fits the end of a name, from its start or after a dot. */
function patternLookup(
  field: string,
  entries: Readonly<Record<string, number>>,
): (name: string) => number | undefined {
  const values = Object.values(entries);
  const patterns = expressions(field, Object.keys(entries), (key) => matchWithin('(.*\\.)?(', key, ')$'));
  return (name) => {
    const position = patterns.findIndex((pattern) => pattern.matches(name));
    return position === -1 ? undefined : values[position];
  };
}

/** Steps that all patterns of a field may cost a character of a name: a pattern for each of a thousand layers is within it. */
const maximumSteps = 200_000;

/** @throws LoraConfigError for a pattern that cannot be used, and for patterns that would take too long. */
function expressions(
  field: string,
  patterns: readonly string[],
  build: (pattern: string) => PythonPattern,
): readonly PythonPattern[] {
  let steps = 0;
  return patterns.map((pattern) => {
    try {
      const built = build(pattern);
      steps += built.size;
      if (steps > maximumSteps) throw new SyntaxError('with it they take too many steps to match');
      return built;
    } catch (error) {
      const reason = (error as Error).message;
      throw new LoraConfigError(field, `'${printable(pattern)}' cannot be used as a pattern: ${reason}`);
    }
  });
}
