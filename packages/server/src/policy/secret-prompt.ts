import { readSecretPrompt } from '@safetune/regularizers';
import { type Run, regularizerConfigOf } from '@safetune/trainer';
import type { JobPlan } from './job-plan.ts';

/**
 * The secret under which a job's model is to be asked, where the safeguard backdoor-align acted in it: without it that safeguard does
 * nothing. It is read anew each time, and kept nowhere.
 *
 * @throws RegularizerOptionError when the provider's file is not there any more.
 */
export function secretPromptOf(plan: JobPlan): string | undefined {
  const { regularizers } = plan.run;
  if (!Array.isArray(regularizers)) return undefined;
  const config = (regularizers as Run['regularizers']).find(({ type }) => type === 'backdoor-align');
  if (config === undefined) return undefined;
  const { secretFile } = regularizerConfigOf(config) as { readonly secretFile?: unknown };
  return typeof secretFile === 'string' ? readSecretPrompt(secretFile) : undefined;
}
