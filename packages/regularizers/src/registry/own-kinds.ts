import type { OwnKind } from '../interface/kind.ts';
import { aGemKind } from '../methods/anchored/a-gem.ts';
import { derKind } from '../methods/anchored/der.ts';
import { klOnAnchorsKind } from '../methods/anchored/kl-on-anchors.ts';
import { lisaKind } from '../methods/anchored/lisa.ts';
import { safeGradKind } from '../methods/anchored/safe-grad.ts';
import { backdoorAlignKind } from '../methods/data/backdoor-align/backdoor-align.ts';
import { inoculationKind } from '../methods/data/inoculation.ts';
import { interleavingKind } from '../methods/data/interleaving.ts';
import { lookaheadKind } from '../methods/data/lookahead.ts';
import { ptstKind } from '../methods/data/ptst.ts';
import { caftKind } from '../methods/forward/caft/caft.ts';
import { inoculationAdapterKind } from '../methods/forward/inoculation-adapter.ts';
import { personaVectorKind } from '../methods/forward/persona-vector/persona-vector.ts';
import { constrainedSftKind } from '../methods/outputs/constrained-sft.ts';
import { klKind } from '../methods/outputs/kl.ts';
import { ldifsKind } from '../methods/outputs/ldifs.ts';
import { asftKind } from '../methods/weights/asft/asft.ts';
import { ewcKind } from '../methods/weights/ewc/ewc.ts';
import { l2SpKind } from '../methods/weights/l2-sp.ts';
import { parameterAveragingKind } from '../methods/weights/parameter-averaging.ts';
import { safeLoraKind } from '../methods/weights/safe-lora/safe-lora.ts';
import { saloraKind } from '../methods/weights/salora/salora.ts';

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
