import { secretsCheck } from '@safetune/datasets';
import type { ScreeningProbe } from '../probe.ts';
import { actionOf, type PolicyAction } from './policy-action.ts';
import { textProbe } from './text-probe.ts';

/** Keys, tokens, passwords: told by kind, message and place, never repeated. */
export function secretsProbe(action: PolicyAction): ScreeningProbe {
  return textProbe({ name: 'secret', sees: 'all' }, secretsCheck, () => actionOf(action));
}
