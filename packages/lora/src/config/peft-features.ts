import { LoraConfigError, UnsupportedLoraFeatureError } from '../errors.ts';

/** What PEFT has and this package has not: which values of a parameter are harmless, and what to do about others. */
interface Refusal {
  readonly allows: (value: unknown) => boolean;
  readonly advice: string;
}

function only(allowed: readonly unknown[], advice: string): Refusal {
  return { allows: (value) => allowed.includes(value), advice };
}

const plainLoraOnly = only([false, null], 'only plain LoRA and rsLoRA are; train the adapter without it');

/** Initialisations that leave the model's own weights alone; all others need a model changed in the same way. */
const harmlessInitializations = [true, false, null, 'gaussian', 'eva', 'orthogonal', 'mica'];

const refusals: ReadonlyMap<string, Refusal> = new Map(
  Object.entries<Refusal>({
    peft_type: only(['LORA'], 'only LORA is'),
    task_type: only(['CAUSAL_LM'], 'only CAUSAL_LM is'),
    bias: only(['none'], "only 'none' is: biases of the model are never trained"),
    use_dora: plainLoraOnly,
    use_qalora: plainLoraOnly,
    lora_bias: plainLoraOnly,
    fan_in_fan_out: only([false, null], 'weights stored as [in, out] (GPT-2) are not'),
    init_lora_weights: only(
      harmlessInitializations,
      'it changes the weights of the model; convert the adapter to plain LoRA with PEFT first',
    ),
    modules_to_save: { allows: isEmpty, advice: 'whole modules beside the adapter are not loaded' },
    trainable_token_indices: { allows: isEmpty, advice: 'trained embeddings are not loaded' },
    target_parameters: { allows: isEmpty, advice: 'only linear layers can be adapted' },
    layer_replication: { allows: isEmpty, advice: 'layers are not replicated' },
    megatron_config: { allows: isEmpty, advice: 'parallel linear layers are not' },
  }),
);

/** Switches and sections that each turn on a variant of LoRA; PEFT writes null or leaves them out otherwise. */
const variants = [
  'alora_invocation_tokens',
  'arrow_config',
  'kasa_config',
  'monteclora_config',
  'use_bdlora',
  'velora_config',
];

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
    // PEFT calls the switches of new variants `use_...`: one that is on cannot be ignored.
    const unknownSwitch = field.startsWith('use_') && !known.includes(field);
    const refusal =
      refusals.get(field) ??
      (variants.includes(field) || unknownSwitch ? { ...plainLoraOnly, allows: isEmpty } : undefined);
    if (refusal !== undefined && !refusal.allows(value)) {
      throw new UnsupportedLoraFeatureError(field, value, refusal.advice, file);
    }
  }
}

/** PEFT's parameters that say nothing here of what is trained, so that the content of a file can be given as options. */
const withoutEffect = [
  'auto_mapping',
  'corda_config',
  'ensure_weight_tying',
  'eva_config',
  'inference_mode',
  'loftq_config',
  'lora_ga_config',
  'megatron_core',
  'peft_version',
  'qalora_group_size',
  'runtime_config',
];

/** Whether PEFT has a parameter of that name which is not among this package's fields. */
export function isParameterOfPeft(name: string): boolean {
  return refusals.has(name) || variants.includes(name) || withoutEffect.includes(name);
}
