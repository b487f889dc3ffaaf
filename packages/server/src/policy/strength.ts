import {
  describeRegularizer,
  isModulePath,
  type Regularizer,
  regularizerFromConfig,
} from '@safetune/regularizers';
import { type Run, regularizerConfigOf, snakeCase } from '@safetune/trainer';

/** A safeguard as run files write it. */
export type SafeguardConfig = Run['regularizers'][number];

/**
 * Types of ours that hold the model more, the greater the option is that their strength is. The others have none that is a number: a
 * file (salora, inoculation-adapter), or nothing at all (a-gem, ptst).
 */
const ordered: ReadonlySet<string> = new Set([
  'kl',
  'kl-on-anchors',
  'ldifs',
  'constrained-sft',
  'safe-lora',
  'interleaving',
  'persona-vector',
  'inoculation',
  'lookahead',
  'backdoor-align',
  'safe-grad',
  'caft',
  'der',
  'lisa',
  'parameter-averaging',
  'l2-sp',
  'ewc',
  'asft',
]);

/** A safeguard that was made once, to see that it can be. */
export interface MadeSafeguard {
  /** Under which customers know it: its name, or the type where it has none; of a module, what the module calls itself. Never a path. */
  readonly name: string;
  readonly config: SafeguardConfig;
  /** The option that its strength is, as the file writes it. */
  readonly option: string;
  /** Its value; null where it is no number: a schedule, a list, or there is none. */
  readonly strength: number | null;
  readonly regularizer: Regularizer;
}

/** @throws RegularizerOptionError for options that do not fit, EmptyDatasetError for a list of examples without any. */
export function makeSafeguard(config: SafeguardConfig): MadeSafeguard {
  const regularizer = regularizerFromConfig(regularizerConfigOf(config));
  const { strength = 'weight', options = [] } = describeRegularizer(config.type) ?? {};
  // Defaults are in the made one's config, not in what was written.
  const value = regularizer.config[strength];
  return {
    name: regularizer.name,
    config,
    option: options.length === 0 ? strength : snakeCase(strength),
    strength:
      typeof value === 'number' && isOrdered(config.type) && value >= leastOf(config.type) ? value : null,
    regularizer,
  };
}

/** A steering vector is pushed away from by a factor below 0, and towards by one above: no order goes through both. */
function leastOf(type: string): number {
  return type === 'persona-vector' ? 0 : Number.NEGATIVE_INFINITY;
}

/** Whether a greater strength of this type is known to hold the model more. Of a module whoever wrote it says so, by naming one. */
export function isOrdered(type: string): boolean {
  return isModulePath(type) || ordered.has(type);
}

/** The config with this strength. */
export function withStrength(config: SafeguardConfig, strength: number): SafeguardConfig {
  const { strength: option = 'weight', options = [] } = describeRegularizer(config.type) ?? {};
  const written = options.length === 0 ? option : snakeCase(option);
  // A module's option may be written as its code has it, too.
  const others = Object.entries(config).filter(([name]) => name !== option && name !== written);
  return { ...Object.fromEntries(others), [written]: strength } as SafeguardConfig;
}

/** Whether the config says a strength itself. */
export function saysStrength(config: SafeguardConfig): boolean {
  const { strength = 'weight' } = describeRegularizer(config.type) ?? {};
  return Object.hasOwn(config, strength) || Object.hasOwn(config, snakeCase(strength));
}
