import type { OwnKind } from '../interface/kind.ts';
import { aGemKind } from '../methods/a-gem.ts';
import { asftKind } from '../methods/asft/asft.ts';
import { backdoorAlignKind } from '../methods/backdoor-align/backdoor-align.ts';
import { caftKind } from '../methods/caft/caft.ts';
import { constrainedSftKind } from '../methods/constrained-sft.ts';
import { derKind } from '../methods/der.ts';
import { ewcKind } from '../methods/ewc/ewc.ts';
import { inoculationKind } from '../methods/inoculation.ts';
import { inoculationAdapterKind } from '../methods/inoculation-adapter.ts';
import { interleavingKind } from '../methods/interleaving.ts';
import { klKind } from '../methods/kl.ts';
import { klOnAnchorsKind } from '../methods/kl-on-anchors.ts';
import { l2SpKind } from '../methods/l2-sp.ts';
import { ldifsKind } from '../methods/ldifs.ts';
import { lisaKind } from '../methods/lisa.ts';
import { lookaheadKind } from '../methods/lookahead.ts';
import { parameterAveragingKind } from '../methods/parameter-averaging.ts';
import { personaVectorKind } from '../methods/persona-vector/persona-vector.ts';
import { ptstKind } from '../methods/ptst.ts';
import { safeGradKind } from '../methods/safe-grad.ts';
import { safeLoraKind } from '../methods/safe-lora/safe-lora.ts';
import { saloraKind } from '../methods/salora/salora.ts';

/** SafeTune's own regularizers, by the type that a config names. A new one is one line here. */
export const ownKinds: Readonly<Record<string, OwnKind>> = {
  kl: klKind,
  'kl-on-anchors': klOnAnchorsKind,
  ldifs: ldifsKind,
  'constrained-sft': constrainedSftKind,
  'safe-lora': safeLoraKind,
  salora: saloraKind,
  interleaving: interleavingKind,
  'persona-vector': personaVectorKind,
  inoculation: inoculationKind,
  lookahead: lookaheadKind,
  ptst: ptstKind,
  'backdoor-align': backdoorAlignKind,
  'safe-grad': safeGradKind,
  'a-gem': aGemKind,
  caft: caftKind,
  der: derKind,
  lisa: lisaKind,
  'parameter-averaging': parameterAveragingKind,
  'inoculation-adapter': inoculationAdapterKind,
  'l2-sp': l2SpKind,
  ewc: ewcKind,
  asft: asftKind,
};
