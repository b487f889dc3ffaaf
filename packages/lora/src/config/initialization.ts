import { UnsupportedLoraFeatureError } from '../errors.ts';

/** How an adapter starts: PEFT's `init_lora_weights`, read. */
export type Initialization =
  /** A uniform, B zero; PEFT's default. */
  | { readonly kind: 'default' }
  /** Both uniform: PEFT's `false`. */
  | { readonly kind: 'random' }
  | { readonly kind: 'gaussian' }
  | { readonly kind: 'orthogonal' }
  /** The largest singular parts of the weight; with `iterations` by a randomised decomposition. */
  | { readonly kind: 'pissa'; readonly iterations: number | undefined }
  | { readonly kind: 'olora' };

/** What PEFT has besides, and why it is not here. */
const others: Readonly<Record<string, string>> = {
  eva: "it needs activations of the data; take 'pissa_niter_4' or 'olora', which start from the weights",
  loftq:
    'it starts from what quantising the model to few bits leaves over; models are held in 8 bits or more here',
  corda: "it needs activations of the data; take 'pissa_niter_4' or 'olora', which start from the weights",
  lora_ga: 'it needs gradients of the whole model first; take true',
  mica: 'it freezes one of the two factors; take true',
};

/**
 * Reads `init_lora_weights` of a new adapter.
 *
 * @throws UnsupportedLoraFeatureError for PEFT's others by name, and for what PEFT does not have.
 */
export function initializationOf(value: boolean | string | null): Initialization {
  if (value === true) return { kind: 'default' };
  if (value === false || value === null) return { kind: 'random' };
  const iterations = /^pissa_niter_(\d{1,3})$/.exec(value)?.[1];
  if (iterations !== undefined) return { kind: 'pissa', iterations: Number(iterations) };
  switch (value.toLowerCase()) {
    case 'gaussian':
    case 'orthogonal':
    case 'olora':
      return { kind: value.toLowerCase() as 'gaussian' | 'orthogonal' | 'olora' };
    case 'pissa':
      return { kind: 'pissa', iterations: undefined };
    default: {
      const known = "take true, 'gaussian', 'orthogonal', 'pissa', 'pissa_niter_<n>', 'olora' or false";
      const advice = Object.hasOwn(others, value.toLowerCase()) ? others[value.toLowerCase()]! : known;
      throw new UnsupportedLoraFeatureError('init_lora_weights', value, advice);
    }
  }
}

/** Whether the start is a part of the model's own weight, which is then taken off it. */
export function startsFromWeight({ kind }: Initialization): boolean {
  return kind === 'pissa' || kind === 'olora';
}
