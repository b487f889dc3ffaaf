import {
  describeRegularizer,
  listRegularizers,
  loadRegularizerModules,
  parseRegularizer,
  type Regularizer,
  type RegularizerConfig,
  regularizerFromConfig,
  type WeightSchedule,
} from '@safetune/regularizers';
import { type SentinelOptions, snakeCase } from '@safetune/trainer';
import { givenValues, repeatedOption } from './option-values.ts';
import { readRegularizerFile } from './regularizer-file.ts';
import { section, twoColumns } from './terminal/layout.ts';
import { wrap } from './terminal/wrap.ts';

/**
 * The safeguards that the options `--regularizer` and `--regularizers` ask for; undefined when neither is given.
 *
 * @throws UsageError when an option is given and asks for nothing, or its file is no list of safeguards; RegularizerOptionError for a short form that is none.
 */
export async function givenSafeguards(rawArgs: readonly string[]): Promise<RegularizerConfig[] | undefined> {
  const texts = repeatedOption('regularizer', rawArgs);
  // Which option the number is, a module says.
  await loadRegularizerModules(texts.map(parseRegularizer));
  const short = texts.map(parseRegularizer);
  for (const config of short) regularizerFromConfig(config);
  const [file] = givenValues('regularizers', rawArgs);
  const configs = [...short, ...(file === undefined ? [] : await readRegularizerFile(file))];
  return configs.length === 0 ? undefined : configs;
}

/** What a run says at its start: each safeguard with its strength and what the sentinel watches, or that there is none. */
export function safeguardsText(safeguards: readonly Regularizer[], sentinel?: SentinelOptions): string {
  const acting = safeguards.length === 0 ? [] : [`safeguards: ${safeguards.map(withStrength).join(', ')}`];
  const watching = sentinel === undefined ? [] : [sentinelText(sentinel)];
  return [...acting, ...watching].join('; ') || 'no safeguard';
}

function sentinelText({ everySteps, probes }: SentinelOptions): string {
  const watched = probes.map(({ name, bounds = {} }) => {
    const told = Object.entries(bounds).map(([action, bound]) => `${snakeCase(action)} ${bound}`);
    return told.length === 0 ? name : `${name} (${told.join(', ')})`;
  });
  return `sentinel every ${everySteps} steps: ${watched.join(', ')}`;
}

function withStrength({ name, config, weight }: Regularizer): string {
  const strength = describeRegularizer(config.type)?.strength ?? 'weight';
  const value = config[strength] ?? weight;
  if (value === undefined) return name;
  const text = typeof value === 'object' ? schedule(value as Exclude<WeightSchedule, number>) : String(value);
  return `${name} (${strength} ${text}${value === 0 ? ': no effect' : ''})`;
}

function schedule(weight: Exclude<WeightSchedule, number>): string {
  if ('target' in weight) return `from ${weight.from} on, held at ${weight.target}`;
  return `from ${weight.from} to ${weight.to}`;
}

/** The part of `train --help` about safeguards. */
export function safeguardsHelp(width: number): string {
  const rows = listRegularizers().map(({ type, summary, strength, options, needsFile }): [string, string] => [
    type,
    `${summary}. ${needsFile ? 'Only from a file' : `${type}=X gives its ${strength}`}; options: ${options.map(snakeCase).join(', ')}`,
  ]);
  const about = wrap(
    '--regularizer NAME=X gives one in short; the file of --regularizers any number, with all their options: "- {type: kl, weight: 0.1}". ' +
      'NAME may be a module of your own, ./mine.ts, whose default export makes it of its options; its code is run.',
    width - 2,
  ).replaceAll(/^/gm, '  ');
  return section('SAFEGUARDS', `${about}\n${twoColumns(rows, width)}`);
}
