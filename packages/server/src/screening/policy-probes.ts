import type { Policy } from '../policy/policy-schema.ts';
import type { ScreeningProbe } from './probe.ts';
import { duplicatesProbe } from './probes/duplicates.ts';
import { hiddenUnicodeProbe } from './probes/hidden-unicode.ts';
import { perplexityGapProbe } from './probes/perplexity-gap.ts';
import { personaProbe } from './probes/persona.ts';
import { secretsProbe } from './probes/secrets.ts';
import { trainableProbe } from './probes/trainable.ts';

/** The probes that a policy asks for, in the order in which they look: those that see everything, then those that see what is left. */
export function policyProbes({
  duplicates,
  secrets,
  hidden_unicode: hiddenUnicode,
  perplexity_gap: perplexityGap,
  persona,
}: Policy['screening']): readonly ScreeningProbe[] {
  return [
    trainableProbe(),
    ...(hiddenUnicode === 'ignore' ? [] : [hiddenUnicodeProbe(hiddenUnicode)]),
    ...(secrets === 'ignore' ? [] : [secretsProbe(secrets)]),
    ...(duplicates === 'ignore' ? [] : [duplicatesProbe(duplicates)]),
    ...(perplexityGap === undefined ? [] : [perplexityGapProbe(perplexityGap)]),
    ...(persona === undefined ? [] : [personaProbe(persona.vectors, persona)]),
  ];
}
