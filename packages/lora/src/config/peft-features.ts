import { LoraConfigError, UnsupportedLoraFeatureError } from '../errors.ts';

/** What PEFT has and this package has not: which values of a parameter are harmless, and what to do about others. */
interface Refusal {
  readonly allows: (value: unknown) => boolean;
  readonly advice: string;
}

function only(allowed: readonly unknown[], advice: string): Refusal {
  return { allows: (value) => allowed.includes(value), advice };
}

const plainLoraOnly = only([false, null], 'only LoRA, rsLoRA and DoRA are; train the adapter without it');

/** Initialisations that leave the model's own weights alone; all others need a model changed in the same way. */
const harmlessInitializations: readonly unknown[] = [
  true,
  false,
  null,
  'gaussian',
  'eva',
  'orthogonal',
  'mica',
];

const refusals: ReadonlyMap<string, Refusal> = new Map(
  Object.entries<Refusal>({
    peft_type: only(['LORA'], 'only LORA is'),
    task_type: only(['CAUSAL_LM'], 'only CAUSAL_LM is'),
    use_qalora: plainLoraOnly,
    lora_bias: plainLoraOnly,
    fan_in_fan_out: only([false, null], 'weights stored as [in, out] (GPT-2) are not'),
    target_parameters: { allows: isEmpty, advice: 'only linear layers can be adapted' },
    layer_replication: { allows: isEmpty, advice: 'layers are not replicated' },
    megatron_config: { allows: isEmpty, advice: 'parallel linear layers are not' },
  }),
);

/** Sections without a variant of LoRA behind them: settings of an initialisation, or of how PEFT runs. */
const harmlessSections = ['corda_config', 'eva_config', 'loftq_config', 'lora_ga_config', 'runtime_config'];

/** PEFT's variants of LoRA that this package has not, by the switches and sections that turn them on. */
const variants = [
  'alora_invocation_tokens',
  'arrow_config',
  'kasa_config',
  'monteclora_config',
  'use_bdlora',
  'velora_config',
];

/**
 * Whether a field may turn on a variant of LoRA. PEFT calls the switches of variants `use_...` and their sections
 * `..._config`, null or left out otherwise: one of a newer version that is on cannot be ignored.
 */
function turnsOnVariant(field: string): boolean {
  return variants.includes(field) || (/^use_|_config$/.test(field) && !harmlessSections.includes(field));
}

function isEmpty(value: unknown): boolean {
  return (
    value === null || value === false || (typeof value === 'object' && Object.keys(value ?? {}).length === 0)
  );
}

/**
 * Refuses what would change what the adapter computes.
 *
 * @param known - the fields that this package heeds.
 * @throws UnsupportedLoraFeatureError; LoraConfigError for a field that is undefined.
 */
export function refuseUnsupported(
  given: Readonly<Record<string, unknown>>,
  known: readonly string[],
  file?: string,
): void {
  for (const [field, value] of Object.entries(given)) {
    if (value === undefined) throw new LoraConfigError(field, 'is undefined; leave it out instead', file);
    const refusal =
      refusals.get(field) ??
      (!known.includes(field) && turnsOnVariant(field) ? { ...plainLoraOnly, allows: isEmpty } : undefined);
    if (refusal !== undefined && !refusal.allows(value)) {
      throw new UnsupportedLoraFeatureError(field, value, refusal.advice, file);
    }
  }
}

/**
 * Refuses an adapter in a file whose start was taken off the model's weights: it belongs to a changed model.
 *
 * @throws UnsupportedLoraFeatureError
 */
export function requireStartedWithoutModel(init: unknown, file: string): void {
  if (harmlessInitializations.includes(typeof init === 'string' ? init.toLowerCase() : (init ?? null)))
    return;
  const advice =
    'it changes the weights of the model; convert the adapter to plain LoRA with PEFT first ' +
    '(`save_pretrained(..., path_initial_model_for_weight_conversion=...)`)';
  throw new UnsupportedLoraFeatureError('init_lora_weights', init, advice, file);
}

/** PEFT's parameters that say nothing here of what is trained, so that the content of a file can be given as options. */
const withoutEffect = [
  ...harmlessSections,
  'auto_mapping',
  'inference_mode',
  'megatron_core',
  'peft_version',
  'qalora_group_size',
];

/** Whether PEFT has a parameter of that name which is not among this package's fields. */
export function isParameterOfPeft(name: string): boolean {
  return refusals.has(name) || variants.includes(name) || withoutEffect.includes(name);
}
