import { duplicatesCheck } from '@safetune/datasets';
import type { ScreeningProbe } from '../probe.ts';
import { actionOf, type PolicyAction } from './policy-action.ts';
import { textProbe } from './text-probe.ts';

/** Examples that repeat an earlier one, exactly or nearly; the first of them is no finding. It compares what is kept otherwise. */
export function duplicatesProbe(action: PolicyAction): ScreeningProbe {
  return textProbe(
    { name: 'duplicate', sees: 'kept' },
    () => duplicatesCheck(),
    () => actionOf(action),
  );
}
