import { isDeepStrictEqual } from 'node:util';
import { EmptyDatasetError } from '@safetune/datasets';
import { RegularizerOptionError } from '@safetune/regularizers';
import { type PlacedProblem, problemsOf, runSchema, snakeCase } from '@safetune/trainer';
import type { PolicyFields } from './policy-schema.ts';
import {
  isOrdered,
  type MadeSafeguard,
  makeSafeguard,
  type SafeguardConfig,
  saysStrength,
  withStrength,
} from './strength.ts';

/** What is wrong with the safeguards of a policy. Each is made once; the modules that they name are loaded already. */
export function safeguardProblems({ mandatory, optional }: PolicyFields['safeguards']): PlacedProblem[] {
  const problems: PlacedProblem[] = [];
  const acting = new Map<string, MadeSafeguard>();
  for (const [index, config] of mandatory.entries()) {
    const path = ['safeguards', 'mandatory', index];
    const made = makeAt(path, config, problems);
    if (made === undefined) continue;
    if (acting.has(made.name)) problems.push({ path, message: twice(made.name) });
    acting.set(made.name, made);
    problems.push(...effectProblems(path, made));
    if (made.strength === 0)
      problems.push({ path, message: `: '${made.name}' has the strength 0, and would not act` });
  }
  const offered = new Set<string>();
  for (const [index, { safeguard, up_to: upTo }] of optional.entries()) {
    const place = ['safeguards', 'optional', index];
    const path = [...place, 'safeguard'];
    if (!isOrdered(safeguard.type)) {
      const why = `: '${safeguard.type}' has no strength that a customer could choose; make it mandatory, or leave it out`;
      problems.push({ path, message: why });
      continue;
    }
    if (saysStrength(safeguard)) {
      problems.push({ path, message: ': its strength is what the customer asks for; remove it here' });
      continue;
    }
    const own = mandatoryOf(safeguard, acting);
    const made = makeAt(path, withStrength(own?.config ?? safeguard, upTo), problems);
    if (made === undefined) continue;
    if (offered.has(made.name)) problems.push({ path, message: twice(made.name) });
    offered.add(made.name);
    problems.push(...effectProblems(path, made));
    if (made.strength === null)
      problems.push({ path, message: `: '${made.name}' does not take over the strength that it is given` });
    if (own !== undefined) problems.push(...strengtheningProblems(place, safeguard, upTo, own));
  }
  return problems;
}

/** The mandatory one that an optional one makes stronger: of its name, or of its type where it has none. */
export function mandatoryOf(
  safeguard: SafeguardConfig,
  acting: ReadonlyMap<string, MadeSafeguard>,
): MadeSafeguard | undefined {
  const { name, type } = safeguard;
  if (typeof name === 'string') return acting.get(name);
  return [...acting.values()].find(({ config }) => config.type === type && config.name === undefined);
}

function strengtheningProblems(
  path: readonly PropertyKey[],
  safeguard: SafeguardConfig,
  upTo: number,
  { name, strength, config }: MadeSafeguard,
): PlacedProblem[] {
  const other = Object.entries(safeguard).find(
    ([option, value]) => !isDeepStrictEqual(value, config[option as keyof typeof config]),
  );
  if (other !== undefined) {
    const why = `: '${name}' is mandatory, with its options; here only its strength can be more, remove '${other[0]}'`;
    return [{ path: [...path, 'safeguard'], message: why }];
  }
  if (strength === null) {
    const why = `: the mandatory '${name}' has no number for its strength, so that nothing is known to be stronger`;
    return [{ path: [...path, 'safeguard'], message: why }];
  }
  if (upTo > strength) return [];
  return [
    {
      path: [...path, 'up_to'],
      message: `is ${upTo}, must be above ${strength}, which the mandatory '${name}' has already`,
    },
  ];
}

/** Options under which what a customer chooses, epochs, batch size or data, decides whether it acts at all. */
function effectProblems(
  path: readonly PropertyKey[],
  { name, regularizer: { config } }: MadeSafeguard,
): PlacedProblem[] {
  const { when, onPoolExhausted } = config as {
    readonly when?: { readonly every?: number; readonly end?: boolean };
    readonly onPoolExhausted?: string;
  };
  const isEarly = typeof when === 'object' && (when.every ?? 1) > 1 && when.end !== true;
  return [
    ...(isEarly
      ? [
          {
            path,
            message: `: '${name}' would never act in a run of fewer than ${when.every} steps; write when: {every: ${when.every}, end: true}`,
          },
        ]
      : []),
    ...(onPoolExhausted === 'stop'
      ? [
          {
            path,
            message: `: '${name}' would stop when its pool is used up, which many epochs bring about; write on_pool_exhausted: cycle`,
          },
        ]
      : []),
  ];
}

function twice(name: string): string {
  return `: there is another '${name}'; of two of one type, each needs a name of its own`;
}

/** Makes one; what is wrong with it is added to the problems. */
function makeAt(
  path: readonly PropertyKey[],
  config: SafeguardConfig,
  problems: PlacedProblem[],
): MadeSafeguard | undefined {
  const parsed = runSchema.shape.regularizers.safeParse([config]);
  if (!parsed.success) {
    const issues = parsed.error.issues.map((issue) => ({ ...issue, path: ['regularizers', ...issue.path] }));
    for (const problem of problemsOf(issues, { regularizers: [config] }))
      problems.push({ ...problem, path: [...path, ...problem.path.slice(2)] });
    return undefined;
  }
  try {
    return makeSafeguard(config);
  } catch (error) {
    if (!RegularizerOptionError.isInstance(error) && !EmptyDatasetError.isInstance(error)) throw error;
    const written = Object.keys(config).reduce(
      (text, option) => text.replaceAll(option, snakeCase(option)),
      error.message,
    );
    problems.push({ path, message: `: ${written}` });
    return undefined;
  }
}
