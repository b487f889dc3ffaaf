import type { RunEnd } from '@safetune/trainer';

/** Why a run ended early, and which values its adapter has where these are earlier ones. */
export function runEndLine({ step, resultOfStep, reason }: RunEnd): string {
  const result =
    resultOfStep === step
      ? ''
      : `; the adapter is as it was ${resultOfStep === 0 ? 'before the first step' : `after step ${resultOfStep}`}`;
  return `ended after step ${step}, before its last: ${reason}${result}`;
}
