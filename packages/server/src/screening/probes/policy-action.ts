import type { Policy } from '../../policy/policy-schema.ts';
import type { Action } from '../probe.ts';

/** What the policy says of a probe that finds or does not. */
export type PolicyAction = Policy['screening']['duplicates'];

export function actionOf(action: PolicyAction): Action {
  return action === 'ignore' ? 'keep' : action;
}
